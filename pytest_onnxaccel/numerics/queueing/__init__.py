"""Load tests and their replay."""
