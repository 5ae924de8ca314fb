"""Operators that choose by a number: comparisons, limits, rounding, what tells a missing number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from pytest_onnxaccel.graph.inputs.findings import Demand, Finding, named
from pytest_onnxaccel.graph.inputs.rules.numbers import WHOLE
from pytest_onnxaccel.graph.inputs.trace import Value
from pytest_onnxaccel.graph.inputs.walk import Rule, Site

#: Limits past this stand for none.
_FAR = 1e4
#: Numbers that a comparison is tried with; of more, what lies between them.
_MOST_COMPARED = 64
#: Limits that are told apart in one comparison.
_MOST_LIMITS = 250


def compared(site: Site) -> None:
    """Equal, Greater and their like: the constant that is compared with, and its neighbours, choose the branch."""
    for place, other in ((0, 1), (1, 0)):
        value = site.operand(other)
        _counted(site, place, value.shape_of)
        array = value.constant if value.table is None or value.constant is not None else value.table.constant
        if site.operand(place).elem_type == onnx.TensorProto.STRING:
            _texts(site, place, array)
            continue
        if array is None or array.dtype.kind not in "fiub":
            continue
        site.findings.limits(site.operand(place))
        _compared_size(site, place, site.operand(other).scalar)
        if _counts_up(array):
            ends = (int(array.min()), int(array.max()))
            traces = site.operand(place).traces
            site.findings.bounds(
                traces, site.node, Demand(f"is one of {array.size} numbers", *ends, "index", points=ends)
            )
            continue
        whole = array.dtype.kind in "iub"
        if array.size > _MOST_COMPARED:
            _limits(site, place, array)
            continue
        points: list[float] = []
        for number in dict.fromkeys(array.reshape(-1).tolist()):
            if not math.isfinite(number):
                continue
            step = 1 if whole else max(abs(number) * 0.05, 0.05)
            points += [number, number - step, number + step] if site.operator.name != "Not" else [number]
        replaced = points if site.operator.name != "Equal" else [n for n in points if n in array.reshape(-1)]
        demand = Demand("is compared", points=points, guards=replaced, leaps=array.reshape(-1).tolist())
        site.findings.points(site.operand(place), site.node, demand)


def _counted(site: Site, place: int, counted: str) -> None:
    """Numbers that count up to a length, compared with one number for each sample: so many elements are meant."""
    of = site.declared.get(counted) or ()
    free = [dim for dim in of[1:] if dim is not None]
    if site.operator.name == "Equal" or not free:
        return
    size = next((dim for dim in reversed(free) if isinstance(dim, str)), free[-1])
    for trace in site.operand(place).traces:
        own = site.declared.get(trace.input) or ()
        if trace.input != counted and trace.scale > 0 and own[:1] == of[:1] and own[1:] in ((), (1,)):
            text = f"is a length of {counted!r} in {named(site.node)}"
            site.findings.add(Finding(trace.input, text, "length", 1, size))


def _compared_size(site: Site, place: int, number: float | None) -> None:
    """Note a size of an input that a condition hangs on, and that numbers of other sizes do not show."""
    value = site.operand(place)
    scale, offset = value.count
    if number is None or number < 0 or not value.shape_of or scale <= 0:
        return
    length = math.floor((number - offset) / scale)
    wide = sum(size != 1 for size in value.shape or ())
    if wide > 1:
        site.findings.compared_sizes.setdefault(value.shape_of, {})[length + 2] = (
            None  # how far two places are apart is at most one less than the length
        )
    if wide:
        return
    if length >= 0:
        beyond = (
            length + 1 if scale >= 1 else math.ceil((number + 1 - offset) / scale)
        )  # whole numbers are rounded down
        sizes = site.findings.compared_sizes.setdefault(value.shape_of, {})
        sizes |= dict.fromkeys((length, beyond))


def _limits(site: Site, place: int, array: Any) -> None:
    """Many limits, as of buckets: each of them, what lies between two, and what lies past the ends."""
    found = np.unique(array[np.isfinite(array)].astype(np.float64))
    if 1 < found.size <= _MOST_LIMITS:
        step = float(np.median(np.diff(found)))
        points = [found[0] - step, *found, *(found[:-1] + np.diff(found) / 2), found[-1] + step]
        demand = Demand(f"is compared with {found.size} limits", points=[float(point) for point in points])
        site.findings.bounds(site.operand(place).traces, site.node, demand)


def _texts(site: Site, place: int, array: Any) -> None:
    """Texts: those that they are compared with, and another one; any few words where these are not known."""
    known = [] if array is None else [str(text) for text in array.reshape(-1)[:64]]
    for trace in site.operand(place).traces:
        choices = (*dict.fromkeys(known), "onnxaccel") if known else ("one", "two", "")
        site.findings.add(Finding(trace.input, f"is compared in {named(site.node)}", "text", choices=choices))


def _counts_up(array: Any) -> bool:
    """Return whether the numbers are a one-hot code written as a comparison: 0, 1, 2 ... in a row."""
    row = array.reshape(-1)
    return row.size > 4 and row.dtype.kind in "iuf" and bool((np.diff(row.astype(np.float64)) == 1).all())


def limited(site: Site) -> None:
    """Clip, Max and Min by a constant: on both sides of each limit."""
    limits = [number for place in range(len(site.operands)) for number in _numbers_of(site.operand(place))]
    limits += [site.attribute(name) for name in ("min", "max")]
    whole = any(value is not None and value.elem_type in WHOLE for value in site.operands)
    outwards = {"Max": (-1,), "Min": (1,)}.get(site.operator.name, ())
    points: list[float] = []
    replaced: list[float] = []
    for number in limits:
        if number is not None and abs(number) < _FAR:
            step = max(abs(number) * 0.05, 0.05)
            steps = (1.0, step) if whole and step > 1 else (1.0,) if whole else (step,)
            points += [number, *(number + side * one for one in steps for side in (-1, 1))]
            replaced += [number + side * steps[0] for side in outwards]
    for place in range(len(site.operands)):
        if points:
            if any(number for number in limits if number is not None and abs(number) < _FAR):
                site.findings.limits(site.operand(place))  # a limit of 0 is met by any input
            demand = Demand("is limited", points=points, guards=replaced)
            site.findings.points(site.operand(place), site.node, demand)


def _numbers_of(value: Value) -> list[float]:
    """Return the limits that an operand holds: one number, or one for each channel."""
    array = value.constant
    if array is None or array.dtype.kind not in "fiu" or array.size > _MOST_COMPARED:
        return []
    return [float(number) for number in dict.fromkeys(array.reshape(-1).tolist()) if math.isfinite(number)]


def gated(attribute: str, default: float, sides: Sequence[int] = (1,)) -> Rule:
    """Return an activation that changes at a number past which inputs are seldom drawn."""

    def rule(site: Site) -> None:
        number = float(site.attribute(attribute, default))
        points = [side * (number + step) for side in sides for step in (-0.1, 0.1, 1.0)]
        site.findings.limits(site.operand(0))
        site.findings.bounds(site.operand(0).traces, site.node, Demand("is compared", points=points))

    return rule


def missing(site: Site) -> None:
    """IsNaN: a number that is missing."""
    site.findings.bounds(site.operand(0).traces, site.node, Demand("may be missing", points=(math.nan,)))


def infinite(site: Site) -> None:
    """IsInf: the infinities that it tells."""
    points = [s * math.inf for s, name in ((1, "positive"), (-1, "negative")) if site.attribute(f"detect_{name}", 1)]
    site.findings.bounds(site.operand(0).traces, site.node, Demand("may be infinite", points=points))


def rounded(*points: float) -> Rule:
    """Return an operator that leaps at some numbers: these, where it reads the input itself.

    Of what was computed before it, engines may give a number on either side of the leap.
    """

    def rule(site: Site) -> None:
        traces = [trace for trace in site.operand(0).traces if trace.plain and not trace.cast]
        site.findings.bounds(traces, site.node, Demand("is rounded", points=points))

    return rule


def told_apart(site: Site) -> None:
    """Tell the numbers of Unique: some more than once, and not in their order."""
    if site.operand(0).elem_type in WHOLE:
        site.findings.bounds(site.operand(0).traces, site.node, Demand("is told apart", 0, 9))


_COMPARES = (compared,)

RULES: Mapping[str, Sequence[Rule]] = {
    ":Equal": _COMPARES,
    ":Greater": _COMPARES,
    ":GreaterOrEqual": _COMPARES,
    ":Less": _COMPARES,
    ":LessOrEqual": _COMPARES,
    ":Clip": (limited,),
    ":Max": (limited,),
    ":Min": (limited,),
    ":ThresholdedRelu": (gated("alpha", 1.0),),
    ":Shrink": (gated("lambd", 0.5, (1, -1)),),
    ":HardSigmoid": (gated("_", 3.0, (1, -1)),),
    ":HardSwish": (gated("_", 3.0, (1, -1)),),
    ":Unique": (told_apart,),
    ":IsNaN": (missing,),
    ":IsInf": (infinite,),
    ":Round": (rounded(-1.5, -0.5, 0.5, 1.5, 2.5),),
    ":Floor": (rounded(-2.5, -1, 0, 1, 2.5),),
    ":Ceil": (rounded(-2.5, -1, 0, 1, 2.5),),
}
