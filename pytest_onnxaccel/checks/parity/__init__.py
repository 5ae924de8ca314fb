"""Does a candidate give what a reference gives."""
