"""What is done to an ONNX graph. Runs in workers: these functions take paths and give JSON."""
