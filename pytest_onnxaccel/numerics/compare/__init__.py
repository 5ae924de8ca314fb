"""Distances of outputs, and what rounding explains."""
