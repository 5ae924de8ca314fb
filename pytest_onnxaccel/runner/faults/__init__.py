"""Faults: whose they are, which are known, and what they make of a verdict."""
