"""The speed table: the ways to run one model side by side."""
