"""Which models are taken in while the one before them is judged."""

from __future__ import annotations

import os

#: A larger one is taken in when it is its turn: two copies, and two open sessions, would take room that a run may lack.
_LARGEST = 64 << 20


def small_enough(path: str) -> bool:
    """Return whether the file at *path* may be taken in while another one is open."""
    try:
        return os.path.getsize(path) <= _LARGEST
    except (OSError, ValueError):
        return False
