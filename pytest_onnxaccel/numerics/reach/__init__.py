"""Sensitivity to groups of weights, and coverage."""
