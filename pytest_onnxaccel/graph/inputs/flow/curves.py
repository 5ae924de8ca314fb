"""Values that are a curve of an input: which numbers of the input give one that tells."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.inputs.trace import Trace

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.walk import Site

#: Numbers past this are not fed, wherever a curve would want them.
_FARTHEST = 1e6
#: What gives a result, by the operator; nothing where no number does.
_INVERSES: Mapping[str, Callable[[float], tuple[float, ...]]] = {
    "Abs": lambda y: (y, -y) if y >= 0 else (),
    "Exp": lambda y: (math.log(y),) if y > 0 else (),
    "Log": lambda y: (math.exp(y),) if y < math.log(_FARTHEST) else (),
    "Sigmoid": lambda y: (math.log(y / (1 - y)),) if 0 < y < 1 else (),
    "Sqrt": lambda y: (y * y,) if y >= 0 else (),
    "Square": lambda y: (math.sqrt(y), -math.sqrt(y)) if y >= 0 else (),
}
#: Operators behind which a curve goes on as it is.
_KEEPS = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
_AFFINE = frozenset({"Add", "Sub", "Mul", "Div"})
#: Operators that are asked for curves at all.
CURVES = frozenset(_INVERSES) | _KEEPS | _AFFINE | {"Pow"}


@record(frozen=True)
class Curve:
    """``scale * operator(inner) + offset``."""

    inner: Trace
    operator: str
    scale: float = 1.0
    offset: float = 0.0

    @property
    def exact(self) -> bool:
        """Every engine computes the same of it."""
        return self.operator == "Abs" and self.inner.plain and self.scale == 1 and not self.offset

    def back(self, value: float) -> list[float]:
        """Return the input's numbers that give *value*."""
        if not self.scale or not self.inner.scale or not math.isfinite(value):
            return []
        found = [self.inner.back(inside) for inside in _INVERSES[self.operator]((value - self.offset) / self.scale)]
        return [number for number in found if abs(number) <= _FARTHEST]


def curves(site: Site) -> tuple[Curve, ...]:
    """Return what the node's result is a curve of."""
    name, source = site.operator.name, site.operand(0)
    if name in ("Mul", "Pow") and source.traces and _squares(site):
        return tuple(Curve(trace, "Square") for trace in source.traces)
    if name in _INVERSES:
        return tuple(Curve(trace, name) for trace in source.traces)
    if name in _KEEPS:
        return source.curves
    if name not in _AFFINE:
        return ()
    flipped = bool(site.operand(1).curves)
    number = site.operand(0 if flipped else 1).scalar
    known = site.operand(1 if flipped else 0).curves
    return tuple(one for curve in known if number is not None and (one := _moved(name, curve, number, flipped)))


def _squares(site: Site) -> bool:
    if site.operator.name == "Pow":
        return site.operand(1).scalar == 2
    return bool(site.node.input[0] == site.node.input[1])


def _moved(op: str, curve: Curve, number: float, flipped: bool) -> Curve | None:
    scale, offset = {
        "Add": (1.0, number),
        "Sub": (-1.0, number) if flipped else (1.0, -number),
        "Mul": (number, 0.0),
        "Div": (0.0 if flipped or not number else 1 / number, 0.0),
    }[op]
    return Curve(curve.inner, curve.operator, curve.scale * scale, curve.offset * scale + offset) if scale else None
