"""Advice, proven and written."""
