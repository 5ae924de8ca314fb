"""JSON in which no name stands twice: of two values one reader takes the first and another the last."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def parsed(data: bytes) -> Any:
    """Return what the JSON text *data* holds.

    Raises:
        ValueError: it is not JSON, or a name stands twice in one table.
        RecursionError: it is too deep.
    """
    return json.loads(data, object_pairs_hook=unique)


def unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the table of *pairs*.

    Raises:
        ValueError: a name stands twice.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name[:80]!r} stands twice in it")
        found[name] = value
    return found
