"""What a graph says of its outputs: which are indices, sorted rows, quantized steps, or random."""
