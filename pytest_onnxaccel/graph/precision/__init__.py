"""What types a graph computes in: the narrowest on the way to each output, and how the reference rounds in it."""
