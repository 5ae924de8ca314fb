"""Timing in blocks, and bounds on its statistics."""
