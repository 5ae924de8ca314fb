"""PyTorch to ONNX."""
