"""Long lists of names, written as text."""

from __future__ import annotations


def listed(text: str) -> frozenset[str]:
    """Return the names in *text*, which white space parts."""
    return frozenset(text.split())
