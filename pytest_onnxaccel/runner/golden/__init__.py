"""Golden data: read, recorded, replayed."""
