"""What a PyTorch file must not hold, parsed as its loader parses it."""
