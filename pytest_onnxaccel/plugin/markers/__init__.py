"""The markers."""
