"""Conversions, proven."""
