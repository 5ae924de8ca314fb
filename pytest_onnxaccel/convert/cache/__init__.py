"""Conversions that were made before."""
