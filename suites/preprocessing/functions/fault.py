"""What a planted fault is, and how a family of them is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from suites.preprocessing.functions.references import Function


@dataclass(frozen=True)
class Fault:
    """One fault: two functions, the kind expected, and the largest number of pixels of a good smallest image."""

    name: str
    kind: str
    reference: Function
    candidate: Function
    pixels: int = 1
    arguments: dict[str, Any] = field(default_factory=dict)


def family() -> tuple[list[Fault], Callable[..., Callable[[Function], Function]]]:
    """A list of faults, and the decorator of a faulty rewrite that adds to it: the kind expected, the reference."""
    faults: list[Fault] = []

    def fault(kind: str, reference: Function, pixels: int = 1, **arguments: Any) -> Callable[[Function], Function]:
        def add(candidate: Function) -> Function:
            faults.append(Fault(candidate.__name__, kind, reference, candidate, pixels, arguments))
            return candidate

        return add

    return faults, fault
