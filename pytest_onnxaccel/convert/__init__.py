"""Conversions between frameworks. Each converter runs in a worker; the pytest process sees staged files and JSON."""
