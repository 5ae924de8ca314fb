"""A path at which there is nothing: what was looked for, and in which folder."""

from __future__ import annotations

import os


def looked_for(path: str | os.PathLike[str]) -> str:
    """Return which part of *path* is missing, and in which folder: the nearest one above it that exists."""
    whole = os.path.abspath(path)
    folder = os.path.dirname(whole)
    while folder != os.path.dirname(folder) and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return f"no {os.path.relpath(whole, folder)} in {folder}"
