"""onnx-tf in an environment of its own."""
