"""Where a failed check lays down its case: one folder of the run, and in it one for each failure."""

from __future__ import annotations

import re
from pathlib import Path

#: Folder, beside the configuration, that failed cases are saved in.
FOLDER = "onnxaccel-failures"

_LONGEST = 120


def case_folder(root: str | Path, *names: str) -> Path:
    """The folder in *root* for the failure that *names* tell apart; nothing of them can be read as a path."""
    parts = [re.sub(r"[^\w.-]+", "-", name).strip("-.") for name in names]
    return Path(root) / ("-".join(part for part in parts if part)[:_LONGEST].strip("-.") or "case")
