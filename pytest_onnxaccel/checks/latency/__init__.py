"""Budgets: absolute, relative, under load."""
