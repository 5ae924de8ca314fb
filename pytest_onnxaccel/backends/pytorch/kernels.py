"""Which kernels PyTorch computes with, by the name that options carry."""

from __future__ import annotations

#: :attr:`~pytest_onnxaccel.backends.protocol.LoadOptions.kernels` for convolutions and matrix products without oneDNN.
NO_ONEDNN = "no-onednn"
