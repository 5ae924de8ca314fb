"""Attention that sees a few places back and no more: what is told of two places by how far they lie apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_onnxaccel.graph.inputs.trace import Value, Window

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.walk import Site

#: Comparisons as they read with the two sides changed.
_TURNED = {"Greater": "Less", "GreaterOrEqual": "LessOrEqual", "Less": "Greater", "LessOrEqual": "GreaterOrEqual"}


def stepped(site: Site) -> Window | None:
    """Return what a sum or difference of counted places is: places so far back, or how far two lie apart."""
    a, b = site.operand(0), site.operand(1)
    if _counts(a) and _counts(b):
        return Window(distance=True) if site.operator.name == "Sub" and not a.window and not b.window else None
    number = b.scalar if _counts(a) else None
    if number is None or number % 1 or not _places(a):
        return None
    return Window(back=int(number if site.operator.name == "Sub" else -number) + (a.window.back if a.window else 0))


def windowed(site: Site, made: Value) -> Value:
    """Return a flag of places that lie no further apart than a number, of a comparison that says so."""
    a, b = site.operand(0), site.operand(1)
    found = _most(site.operator.name, a, b) or _most(_TURNED[site.operator.name], b, a)
    return made.with_(window=Window(most=found), elem_type=9) if found else made


def both(values: list[Value]) -> Window | None:
    """Return what holds where all flags do: the narrowest window."""
    found = [v.window.most for v in values if v.window is not None and v.window.most is not None]
    return Window(most=min(found)) if found else None


def _most(comparison: str, a: Value, b: Value) -> int | None:
    """Return how many places are seen, the own one included, where ``a comparison b`` says so."""
    also = comparison.endswith("OrEqual")
    if comparison.startswith("Less"):  # how far apart < most
        number = b.scalar if a.window is not None and a.window.distance else None
        return int(number) + also if number is not None and number > 0 and not number % 1 else None
    if _places(a) and _places(b) and b.window is not None:  # a place > another one less so many
        back = b.window.back - (a.window.back if a.window is not None else 0)
        return back + also if back > 0 else None
    return None


def _counts(value: Value) -> bool:
    """Return whether it is made of numbers that count up to the length of an input."""
    return bool(value.shape_of) and not value.traces


def _places(value: Value) -> bool:
    """Return whether it is such numbers themselves, perhaps less a number."""
    return _counts(value) and (value.window is None or (not value.window.distance and value.window.most is None))
