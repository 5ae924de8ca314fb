"""Differences of place: axes, crops, offsets, resampling."""
