"""Values that are a curve of an input: which numbers of the input give one that tells."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
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
    "Reciprocal": lambda y: (1 / y,) if y else (),
    "Relu": lambda y: (y,) if y > 0 else (),
    "Sigmoid": lambda y: (math.log(y / (1 - y)),) if 0 < y < 1 else (),
    "Sqrt": lambda y: (y * y,) if y >= 0 else (),
    "Square": lambda y: (math.sqrt(y), -math.sqrt(y)) if y >= 0 else (),
    "Tanh": lambda y: (math.atanh(y),) if -1 < y < 1 else (),
    "Ceil": lambda y: (y - 0.5,),
    "Floor": lambda y: (y + 0.5,),
    "Round": lambda y: (y,),
    "Level": lambda y: (y,),
    "Mod": lambda y: (y,) if y >= 0 else (),
}
#: Operators behind which a curve goes on as it is.
_KEEPS = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
#: And those that cut it off past a limit.
_CUTS = frozenset({"Clip", "Max", "Min"})
_AFFINE = frozenset({"Add", "Sub", "Mul", "Div"})
#: Operators of many elements whose result is their number where all are one, and of those that add up, so many times.
_LEVELS = frozenset({
    "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "ReduceMax", "ReduceMean", "ReduceMin",
})  # fmt: skip
_SUMS = frozenset({"ReduceL1", "ReduceL2", "ReduceSum", "ReduceSumSquare"})
#: Operators that are asked for curves at all.
CURVES = (frozenset(_INVERSES) - {"Level", "Square"}) | _KEEPS | _CUTS | _AFFINE | _LEVELS | _SUMS | {"Neg", "Pow"}
#: So many curves may be one in another.
_DEEPEST = 8


@record(frozen=True)
class Curve:
    """``scale * operator(inner) + offset``; *inner* may be a curve itself."""

    inner: Trace | Curve
    operator: str
    scale: float = 1.0
    offset: float = 0.0

    @property
    def trace(self) -> Trace:
        """The elements of an input that it is a curve of."""
        return self.inner.trace if isinstance(self.inner, Curve) else self.inner

    @property
    def level(self) -> bool:
        """Many elements decide it together: it goes back to a number that all of them are."""
        return self.operator == "Level" or (isinstance(self.inner, Curve) and self.inner.level)

    @property
    def depth(self) -> int:
        """How many curves are one in another."""
        return 1 + (self.inner.depth if isinstance(self.inner, Curve) else 0)

    @property
    def exact(self) -> bool:
        """Every engine computes the same of it."""
        plain = isinstance(self.inner, Trace) and self.inner.plain
        return self.operator == "Abs" and plain and self.scale == 1 and not self.offset

    def back(self, value: float) -> list[float]:
        """Return the input's numbers that give *value*."""
        if not self.scale or not math.isfinite(value):
            return []
        found = [n for inside in _INVERSES[self.operator]((value - self.offset) / self.scale) for n in self._in(inside)]
        return [number for number in found if abs(number) <= _FARTHEST]

    def _in(self, inside: float) -> list[float]:
        if isinstance(self.inner, Curve):
            return self.inner.back(inside)
        return [self.inner.back(inside)] if self.inner.scale else []


def curves(site: Site) -> tuple[Curve, ...]:
    """Return what the node's result is a curve of."""
    name, source = site.operator.name, site.operand(0)
    inner: tuple[Trace | Curve, ...] = source.traces
    inner = inner or tuple(curve for curve in source.curves if curve.depth < _DEEPEST)
    if name in ("Mul", "Pow") and inner and _squares(site):
        return tuple(Curve(one, "Square") for one in inner)
    if name in _LEVELS | _SUMS:
        return tuple(_levelled(site, inner)) if inner else ()
    if name in _INVERSES:
        return tuple(Curve(one, name) for one in inner)
    if name in _KEEPS:
        return source.curves
    if name in _CUTS:
        return next((v.curves for v in site.operands if v is not None and v.curves), ())
    if name == "Neg":
        return tuple(Curve(one.inner, one.operator, -one.scale, -one.offset) for one in source.curves)
    if name not in _AFFINE:
        return ()
    flipped = bool(site.operand(1).curves)
    number = site.operand(0 if flipped else 1).scalar
    known = site.operand(1 if flipped else 0).curves
    return tuple(one for curve in known if number is not None and (one := _moved(name, curve, number, flipped)))


def _levelled(site: Site, inner: tuple[Trace | Curve, ...]) -> Iterator[Curve]:
    """Yield what a mean, a sum, a norm or an extreme of many elements is where all of them are one number."""
    name = site.operator.name
    count = 1 if name in _LEVELS else _added_up(site)
    for one in inner if count else ():
        if name == "ReduceL1":
            yield Curve(Curve(one, "Abs"), "Level", count)
        elif name == "ReduceL2":
            yield Curve(Curve(one, "Abs"), "Level", math.sqrt(count))
        elif name == "ReduceSumSquare":
            yield Curve(Curve(one, "Square"), "Level", count)
        else:
            yield Curve(one, "Level", count)


def _added_up(site: Site) -> int:
    """Return how many elements are added up for one of the result; 0 where that is open."""
    shape = site.operand(0).shape
    axes = site.attribute("axes") if len(site.operands) < 2 else site.operand(1).constant
    if shape is None or (axes is None and len(site.operands) > 1 and site.operands[1] is not None):
        return 0
    chosen = range(len(shape)) if axes is None else [int(axis) for axis in axes]
    sizes = [shape[axis] for axis in chosen]
    return math.prod(size for size in sizes if isinstance(size, int)) if all(isinstance(d, int) for d in sizes) else 0


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
