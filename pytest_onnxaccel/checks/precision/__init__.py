"""Conversions to types of fewer digits, against their original."""
