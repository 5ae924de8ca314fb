"""Where an item comes from, for pytest's headings."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_onnxaccel.core.printing import identifier


def place(item: pytest.Item) -> tuple[Path, None, str]:
    """Return where *item* comes from and its heading, harmless: both are printed, and pytest-xdist sends them.

    The heading is not the id: of one that ends it, pytest's ``-v`` would turn each ``.`` into ``::``.
    """
    assert item.parent is not None
    return Path(*map(identifier, item.path.parts)), None, f"{item.name} of {item.parent.name}"
