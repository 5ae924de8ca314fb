"""Sessions that are timed."""
