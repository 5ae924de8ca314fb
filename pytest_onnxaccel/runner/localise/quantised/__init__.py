"""What a quantised model loses by its nature, and what it must not lose."""
