"""Texts that match a regular expression, and texts that nearly do."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

#: So many ways of a choice are gone, and so many texts are kept.
_WAYS, _MOST = 3, 24
#: What stands for a class of characters.
_CLASSES = {"CATEGORY_DIGIT": "7", "CATEGORY_WORD": "w", "CATEGORY_SPACE": " ", "CATEGORY_NOT_DIGIT": "x",
            "CATEGORY_NOT_WORD": "-", "CATEGORY_NOT_SPACE": "s"}  # fmt: skip
_PRINTABLE = [chr(code) for code in (*range(97, 123), *range(48, 58), *range(65, 91), *range(32, 48))]


def matching(pattern: str) -> list[str]:
    """Return texts that *pattern* matches, and such with a character more or less; none for one that is not read."""
    parser = importlib.import_module("re._parser")
    try:
        found = list(itertools.islice(_ways(parser.parse(pattern)), _MOST // 3))
    except Exception:  # RE2 writes some things otherwise
        return []
    longest = max(found, key=len, default="")
    near = [text for full in dict.fromkeys((longest, *found[:1])) for text in (full[:-1], full[1:], f"{full}!")]
    return list(dict.fromkeys([*found, *near, longest.swapcase()]))[:_MOST]


def _ways(parsed: Sequence[tuple[Any, Any]]) -> Iterator[str]:
    """Yield texts for a sequence of parts: the shortest and a longer way through each of them."""
    parts = [list(dict.fromkeys(itertools.islice(_of_part(str(op), what), _WAYS))) or [""] for op, what in parsed]
    # Each way of each part once, beside the first ways of the others
    yield "".join(part[0] for part in parts)
    for place, part in enumerate(parts):
        for way in part[1:]:
            yield "".join(way if i == place else other[0] for i, other in enumerate(parts))


def _of_part(op: str, what: Any) -> Iterator[str]:
    if op == "LITERAL":
        yield chr(what)
    elif op in ("ANY", "NOT_LITERAL"):
        yield next(c for c in _PRINTABLE if op == "ANY" or ord(c) != what)
    elif op == "IN":
        yield from _of_set(what)
    elif op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        low, high, inner = what
        ways = list(itertools.islice(_ways(inner), _WAYS)) or [""]
        for count in dict.fromkeys((max(low, min(1, int(high))), low, min(int(high), low + 2))):
            yield "".join(ways[i % len(ways)] for i in range(count))
    elif op == "SUBPATTERN":
        yield from _ways(what[-1])
    elif op == "BRANCH":
        for branch in what[1]:
            yield from itertools.islice(_ways(branch), 1)
    elif op == "AT":
        yield ""
    else:
        raise ValueError(f"{op} is not read")


def _of_set(items: Sequence[tuple[Any, Any]]) -> Iterator[str]:
    if str(items[0][0]) == "NEGATE":
        left_out = {c for c in _PRINTABLE for op, what in items[1:] if _holds(str(op), what, c)}
        yield next(c for c in _PRINTABLE if c not in left_out)
        return
    for op, what in items:
        if str(op) == "LITERAL":
            yield chr(what)
        elif str(op) == "RANGE":
            yield from (chr(what[0]), chr(what[1]))
        else:
            yield _CLASSES[str(what)]


def _holds(op: str, what: Any, character: str) -> bool:
    if op == "LITERAL":
        return ord(character) == int(what)
    if op == "RANGE":
        return int(what[0]) <= ord(character) <= int(what[1])
    return {"CATEGORY_DIGIT": str.isdigit, "CATEGORY_SPACE": str.isspace}.get(str(what), str.isalnum)(character)
