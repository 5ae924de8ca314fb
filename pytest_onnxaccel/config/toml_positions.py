"""Where a key stands in a TOML text: tomllib gives values only, and a message needs the line."""

from __future__ import annotations

import re
import tomllib
from typing import Any

_HEADER = re.compile(r"\s*\[\[?(?P<key>.+?)\]\]?\s*(#.*)?")
_ENTRY = re.compile(r"""\s*(?P<key>(?:"[^"]*"|'[^']*'|[\w.\s-])+?)\s*=""")


def line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the line, from 1, of the key *path*, or of the nearest table around it (inline tables)."""
    lines = _lines(text)
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the first line by key path, for table headers and entries alike."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if match := _HEADER.fullmatch(line):
            table = _keys(match["key"])
            path = table
        elif match := _ENTRY.match(line):
            path = (*table, *_keys(match["key"]))
        else:
            continue
        for length in range(1, len(path) + 1):
            found.setdefault(path[:length], number)
    return found


def _keys(dotted: str) -> tuple[str, ...]:
    """Return the parts of a dotted key, quotes undone."""
    try:
        value: Any = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return (dotted,)
    parts: list[str] = []
    while isinstance(value, dict):
        key, value = next(iter(value.items()))
        parts.append(key)
    return tuple(parts)


def dotted(path: tuple[str, ...]) -> str:
    """Return *path* the way TOML writes it, parts quoted where they must be."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"' for part in path)
