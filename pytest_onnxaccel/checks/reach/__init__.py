"""What the inputs of a check showed."""
