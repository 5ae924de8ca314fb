"""Inputs that a model runs on: prepared, tried, widened to what else must run."""
