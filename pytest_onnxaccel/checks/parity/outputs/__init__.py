"""Comparisons of one output that are not element by element."""
