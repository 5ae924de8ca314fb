"""PYTHONPATH for the processes that a test starts."""

from __future__ import annotations

import os
from pathlib import Path


def before(*folders: str | Path) -> str:
    """*folders*, then what PYTHONPATH holds: a run of the suites may put something there (see ``suites/rounding``)."""
    held = os.environ.get("PYTHONPATH")
    return os.pathsep.join([*map(str, folders), *([held] if held else [])])
