"""Which is faster, and what would be."""
