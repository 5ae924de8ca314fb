"""Preprocessing folded into a graph."""
