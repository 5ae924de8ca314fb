"""Operands that say which elements count: attention masks, padding, flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pytest_onnxaccel.graph.inputs.findings import Finding, named
from pytest_onnxaccel.graph.inputs.trace import Trace, Value
from pytest_onnxaccel.graph.inputs.walk import Rule, Site

#: A product with a number past this takes an element out of a softmax.
_FAR = 1000.0
_FLOATS = frozenset({1, 10, 11, 16})


def _mask(site: Site, traces: Sequence[Trace], what: str, kind: str = "mask") -> None:
    for trace in traces:
        site.findings.add(Finding(trace.input, f"{what} in {named(site.node)}", kind))


def scaled_far(site: Site) -> None:
    """``(1 - mask) * -10000``: what is 0 in the mask is taken out."""
    for value, other in ((site.operand(0), site.operand(1)), (site.operand(1), site.operand(0))):
        number = other.scalar
        if number is None or abs(number) < _FAR or number > 0:
            continue
        found = [trace for trace in value.traces if trace.cast and trace.offset == 1 and trace.scale == -1]
        _mask(site, found, "masks")
        # Without "1 -" before it, 1 is what is taken out
        _mask(site, [trace for trace in value.traces if trace.cast and trace.plain], "leaves out", "padding")


def condition(site: Site) -> None:
    """Where: a condition that is an input, or an integer input cast to a condition.

    Where it chooses a number that takes an element out of a softmax, it says what is left out.
    """
    flags, then, other = (site.operand(place) for place in range(3))
    leaves_out = _far_below(then) and not _far_below(other)
    _mask(site, [t for t in flags.traces if _flags(flags, t)], "chooses", "padding" if leaves_out else "mask")
    if _far_below(other) and not _far_below(then):
        known = {trace.input for trace in flags.traces}
        left_out = [t for t in flags.inverted if _flags(flags, t) and t.input not in known]
        _mask(site, left_out, "leaves out", "padding")


def _far_below(value: Value) -> bool:
    """Return whether it is a constant that takes an element out of a softmax."""
    array = value.constant
    if array is None or not array.size or array.dtype.kind not in "fi":
        return False
    return bool((array <= -_FAR).all())


def logic(site: Site) -> None:
    """And, Or, Xor, Not: of flags."""
    for value in site.operands:
        if value is not None:
            _mask(site, [t for t in value.traces if _flags(value, t)], "is a flag")
    if site.operator.name == "And":
        _looks_back(site)


def _looks_back(site: Site) -> None:
    """Note of a mask how far a window that holds too lets look back: a row that sees padding alone means nothing."""
    for value, other in ((site.operand(0), site.operand(1)), (site.operand(1), site.operand(0))):
        most = other.window.most if other.window is not None else None
        for trace in (*value.traces, *value.inverted) if most is not None else ():
            text = f"is seen {most} places back in {named(site.node)}"
            site.findings.add(Finding(trace.input, text, window=most))


def _flags(value: Value, trace: Trace) -> bool:
    return trace.plain


def weighted(site: Site) -> None:
    """``hidden * mask`` summed over: an integer input that was cast to a float and spread over the features."""
    for value, other in ((site.operand(0), site.operand(1)), (site.operand(1), site.operand(0))):
        if other.constant is not None or not other.fed:
            continue
        # A count or an id is seldom multiplied with what the network computed; where it is not 0 or 1, 1 is legal too
        _mask(site, [t for t in value.traces if t.cast and t.plain], "weighs")
        _mask(site, [t for t in value.traces if t.cast and (t.scale, t.offset) == (-1, 1)], "leaves out", "padding")
        _mask(site, [t for t in value.inverted if value.elem_type in _FLOATS], "leaves out", "padding")


def chosen_rows(site: Site) -> None:
    """NonZero of flags: of the rows that they choose there are some."""
    _mask(site, [t for t in site.operand(0).traces if site.operand(0).elem_type not in _FLOATS], "chooses rows")


def whole_rows(site: Site) -> None:
    """Reduction of flags for each element over the last axis: rows in which all are that number are padding."""
    value = site.operand(0)
    axes: Any = site.attribute("axes")
    axes = site.operand(1).constant if axes is None else axes
    last = -1 if value.shape is None else len(value.shape) - 1
    if axes is None or np.size(axes) != 1 or int(np.reshape(axes, -1)[0]) not in (-1, last):
        return
    for trace, number in value.equal:
        text = f"fills rows with {number:g} in {named(site.node)}"
        site.findings.add(Finding(trace.input, text, filled=(number,)))


def branch(site: Site) -> None:
    """If: both branches run within two samples."""
    _mask(site, site.operand(0).traces, "chooses the branch")


def attention(place: int) -> Rule:
    """Return an operand of a fused attention that is its mask."""

    def rule(site: Site) -> None:
        _mask(site, site.operand(place).traces, "masks")

    return rule


RULES: Mapping[str, Sequence[Rule]] = {
    ":Mul": (scaled_far, weighted),
    ":Where": (condition,),
    ":And": (logic,),
    ":Or": (logic,),
    ":Xor": (logic,),
    ":Not": (logic,),
    ":NonZero": (chosen_rows,),
    ":If": (branch,),
    **dict.fromkeys((":ReduceMax", ":ReduceMin", ":ReduceSum", ":ReduceProd"), (whole_rows,)),
    ":Attention": (attention(3),),
    "com.microsoft:Attention": (attention(3),),
    "com.microsoft:MultiHeadAttention": (attention(4),),
    "com.microsoft:SkipLayerNormalization": (),
}
