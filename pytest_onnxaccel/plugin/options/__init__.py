"""The options: their table, parsers and settings."""
