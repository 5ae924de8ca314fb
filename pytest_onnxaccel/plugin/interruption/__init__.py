"""Signals, crashes, and tests that did not end."""
