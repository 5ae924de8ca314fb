"""The tables and keys that a manifest may hold; docs/manifest.md is generated from here."""
