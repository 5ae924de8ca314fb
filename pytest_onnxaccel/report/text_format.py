"""Text that is safe to print and fits its place; names and messages may come from a hostile model."""

from __future__ import annotations

import unicodedata

from pytest_onnxaccel.core.printing import LIMIT, disarm, printable


def safe(text: str, limit: int = LIMIT) -> str:
    """Return *text* on one line, cut at *limit* characters, without control characters or commands to CI."""
    return printable(str(text), limit)


def name(text: str, width: int = 4096) -> str:
    """Return *text* as a name: safe, and shortened in the middle instead of at its end."""
    return elide(safe(text, 4096), width)


def cells(text: str) -> int:
    """Return the columns that *text* takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_cell(char) for char in text)


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def pad(text: str, width: int, right: bool = False) -> str:
    """Return *text* filled with spaces to *width* columns, at its left when *right*."""
    space = " " * (width - cells(text))
    return space + text if right else text + space


def elide(text: str, width: int) -> str:
    """Return *text* in at most *width* columns, ``...`` in the middle: both ends of a file name tell it apart."""
    if cells(text) <= width:
        return text
    room = max(0, width - 3)
    head = _take(text, (room + 1) // 2)
    tail = _take(text[::-1], room // 2)[::-1]
    return f"{head}...{tail}"[: max(width, 1)]


def _take(text: str, width: int) -> str:
    used = 0
    for index, char in enumerate(text):
        used += _cell(char)
        if used > width:
            return text[:index]
    return text


def wrap(text: str, width: int, indent: str = "  ") -> list[str]:
    """Return *text* over several lines, the later ones indented; no break makes a command of a line."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}" if line.strip() else line + word
        if cells(longer) > width and line.strip():
            lines.append(line)
            longer = indent + word
        while cells(longer) > width and (head := _take(longer, max(width, len(indent) + 2))) != longer:
            lines.append(head)
            longer = indent + longer[len(head) :]
        line = longer
    return [disarm(part) for part in [*lines, line] if part.strip()]
