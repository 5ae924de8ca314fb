"""PyTorch sources: modules, TorchScript, exported programs."""
