"""Outputs of two sides: how each is compared, and which are left out."""
