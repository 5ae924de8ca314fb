"""Importing this loads TensorFlow and onnx-tf, which a worker can do while its host does other things."""

from __future__ import annotations

from pytest_onnxaccel.backends.onnx_tf.frameworks import frameworks

frameworks()
