"""Where a failed check lays down its case: one folder of the run, and in it one for each failure."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

#: Folder, next to the configuration, that failed cases are saved in.
FOLDER = "onnxaccel-failures"

#: In bytes: what every file system takes for a name, with room for what tells names apart.
_LONGEST = 120


def case_folder(root: str | Path, *names: str) -> Path:
    """Return the folder in *root* for the failure that *names* tell apart; nothing of them can be read as a path."""
    parts = [re.sub(r"[^\w.-]+", "-", name).strip("-.") for name in names]
    plain = "-".join(part for part in parts if part)
    short = plain.encode()[:_LONGEST].decode(errors="ignore").strip("-.") or "case"
    if short != plain or any(re.search(r"[^\w./ \[\]=,+~-]", name) for name in names):
        # What was left out may be all that tells this failure from another
        digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()
        short += f"-{digest[:6]}"
    return Path(root) / short
