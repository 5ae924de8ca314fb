"""The copy of a model that onnx-tf can read."""
