"""Importing this loads what a session of another ONNX Runtime needs, in its own interpreter."""

from __future__ import annotations

import numpy  # noqa: F401, TID253
import onnx  # noqa: F401, TID253
import onnxruntime  # noqa: F401, TID253
