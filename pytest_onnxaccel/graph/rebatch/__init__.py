"""A graph frozen at another batch."""
