"""Where an item comes from: the id of its file, and what pytest's headings say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_onnxaccel.core.printing import identifier

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.state import State


def place(item: pytest.Item) -> tuple[Path, None, str]:
    """Return where *item* comes from and its heading, harmless: both are printed, and pytest-xdist sends them.

    The heading is not the id: of one that ends it, pytest's ``-v`` would turn each ``.`` into ``::``.
    """
    assert item.parent is not None
    return Path(*map(identifier, item.path.parts)), None, f"{item.name} of {item.parent.name}"


def file_id(state: State, path: Path) -> str:
    """Return the id of the file at *path*: relative to the rootdir, with slashes, harmless."""
    try:
        relative = path.relative_to(state.config.rootpath)
    except ValueError:
        relative = Path(os.path.relpath(path, state.config.rootpath))
    parts = [*map(identifier, relative.parts)]
    told_apart = next(
        (os.path.basename(spec.name) for spec in state.by_path.get(str(path), ()) if "~" in spec.name), ""
    )
    if told_apart.rpartition("~")[0] and parts[-1].startswith(told_apart.rpartition("~")[0]):
        parts[-1] = told_apart  # another file is shown alike
    return "/".join(parts)
