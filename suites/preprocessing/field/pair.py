"""What a pair of the field is, and how a family of them is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FieldPair:
    """Two functions.

    Attributes:
        kinds: the kinds that name the difference rightly, empty where there is none.
        words: what the sentence must say.
    """

    name: str
    kinds: tuple[str, ...]
    reference: Callable[..., Any]
    candidate: Callable[..., Any]
    arguments: dict[str, Any] = field(default_factory=dict)
    words: str = ""


def pair(
    name: str,
    kinds: str,
    reference: Callable[..., Any],
    candidate: Callable[..., Any],
    words: str = "",
    **arguments: Any,
) -> FieldPair:
    """Return a pair; *kinds* are separated by ``|``, empty for an equivalent one."""
    return FieldPair(name, tuple(filter(None, kinds.split("|"))), reference, candidate, arguments, words)
