"""Pairs of functions as people deploy them: what differs, with its kind, and what is equivalent."""
