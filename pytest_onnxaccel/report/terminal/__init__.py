"""The table at the end of a run."""
