"""Inputs: sizes, domains, samples."""
