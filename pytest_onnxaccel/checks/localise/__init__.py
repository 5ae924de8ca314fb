"""The first node that differs, and the engine that is odd."""
