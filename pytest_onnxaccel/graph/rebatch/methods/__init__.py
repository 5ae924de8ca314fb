"""The ways to make another batch."""
