"""A function of the owner as the reference."""
