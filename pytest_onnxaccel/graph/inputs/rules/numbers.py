"""Operators that are not defined, or tell nothing, outside a range of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import onnx

from pytest_onnxaccel.graph.inputs.findings import Demand
from pytest_onnxaccel.graph.inputs.walk import Rule, Site

#: Least positive number that is drawn where 0 is the end: log and 1/x of it are still ordinary.
TINY = 1e-3
#: Whole-number types of onnx.
WHOLE = frozenset({2, 3, 4, 5, 6, 7, 12, 13})
_FLOAT8 = frozenset({17, 18, 19, 20})
_UNSIGNED = frozenset({2, 4, 12, 13})
_BYTES = {int(onnx.TensorProto.UINT8): (0, 255), int(onnx.TensorProto.INT8): (-128, 127)}
#: Types of which every number is a measurement: pixels, sound, depths.
_MEASURED = {**_BYTES, int(onnx.TensorProto.UINT16): (0, 2**16 - 1), int(onnx.TensorProto.INT16): (-(2**15), 2**15 - 1)}
_BITS = {
    2: (0, 2**8 - 1), 3: (-(2**7), 2**7 - 1), 4: (0, 2**16 - 1), 5: (-(2**15), 2**15 - 1), 6: (-(2**31), 2**31 - 1),
    7: (-(2**62), 2**62), 12: (0, 2**32 - 1), 13: (0, 2**63 - 1),
}  # fmt: skip
#: Types of which nothing is drawn past a number with a sign, and numbers that are.
_UPPER = {12: (2**31 + 2**20, 2**32 - 1), 13: (2**63 + 2**40,)}
#: A whole number past 32 bits.
_LONG = 1 << 40
#: Remainders that are gone through one by one, and values of a few bits.
_MOST_REMAINDERS, _FIELD = 32, 16


def _between(site: Site, place: int = 0, low: float | None = None, high: float | None = None, text: str = "") -> None:
    site.findings.bounds(site.operand(place).traces, site.node, Demand(text, low, high))


def divisor(site: Site) -> None:
    """Div and Mod: the divisor is not 0, and -1 of the least integer overflows."""
    whole = site.operand(0).elem_type in WHOLE or site.operand(1).elem_type in WHOLE
    if site.operator.name == "Mod" or whole:  # which tell themselves from their like on negative numbers alone
        number = site.operand(1).scalar
        around: list[float] = []
        if number and whole:
            around = [-1, number - 1, number, number + 1]
            if site.operator.name == "Mod" and 0 < number <= _MOST_REMAINDERS:
                around += range(int(number) - 1)
            if site.operator.name == "Mod" and site.operand(0).elem_type == onnx.TensorProto.INT64:
                around.append(_LONG + number // 2)  # ids that are hashed may be of any size
        site.findings.bounds(site.operand(0).traces, site.node, Demand("is divided", points=around))
    exclude = (0, -1) if whole else (0,)
    site.findings.bounds(site.operand(1).traces, site.node, Demand("divides", exclude=exclude))
    # A sum of both signs may come next to nothing, where rounding decides what the quotient is
    weights = [trace for trace in site.operand(1).summed if not trace.cast]
    site.findings.bounds(weights, site.node, Demand("is added up and divides", 0))


def reciprocal(site: Site) -> None:
    """Reciprocal: not of 0."""
    site.findings.bounds(site.operand(0).traces, site.node, Demand("divides", exclude=(0,)))


def power(site: Site) -> None:
    """Pow: a fractional exponent wants a non-negative base, a negative one a base that is not 0; both stay small."""
    exponent, base = site.operand(1), site.operand(0)
    if base.elem_type in WHOLE and exponent.elem_type in WHOLE:
        site.findings.bounds(
            base.traces, site.node, Demand("is a base", -5 if base.elem_type not in _UNSIGNED else 0, 5)
        )
        site.findings.bounds(exponent.traces, site.node, Demand("is an exponent", 0, 3))
        return
    if exponent.scalar is None:
        site.findings.bounds(base.traces, site.node, Demand("is a base", TINY, 3))
        site.findings.bounds(exponent.traces, site.node, Demand("is an exponent", -3, 3))
        return
    if exponent.scalar != math.floor(exponent.scalar):
        _between(site, 0, TINY if exponent.scalar < 0 else 0, None, "is a base")
    elif exponent.scalar < 0:
        site.findings.bounds(base.traces, site.node, Demand("is a base", exclude=(0,)))


def quantised(site: Site) -> None:
    """QuantizeLinear: to both ends of what its steps can tell, and past them."""
    step, zero, to = site.operand(1).scalar, site.operand(2), site.operand(2).elem_type
    low, high = _BYTES.get(to or int(onnx.TensorProto.UINT8), (0, 0))
    if step is None or not low < high or (zero.scalar is None and site.operands[2:]):
        return
    ends = [(end - (zero.scalar or 0)) * step for end in (low, high)]
    points = [*ends, *(end * 1.1 for end in ends), *(end * 0.6 for end in ends)]
    site.findings.bounds(site.operand(0).traces, site.node, Demand("is quantised", points=points))


def bits(*places: int) -> Rule:
    """Operators on bits: every bit of the type."""

    def rule(site: Site) -> None:
        for place in places:
            ends = _BITS.get(site.operand(place).elem_type)
            if ends is not None:
                site.findings.bounds(site.operand(place).traces, site.node, Demand("is taken bit by bit", *ends))

    return rule


def shifted(site: Site) -> None:
    """BitShift to the right by a constant: each value of the few bits that are left at the end of it."""
    number, ends = site.operand(1).scalar, _BITS.get(site.operand(0).elem_type)
    if number is not None and ends is not None and site.attribute("direction") == b"RIGHT":
        points = [float(field << int(number)) for field in range(_FIELD)]
        site.findings.bounds(site.operand(0).traces, site.node, Demand("is shifted", *ends, points=points))


def every_value(site: Site, place: int = 0, ends: Mapping[int, tuple[int, int]] = _BYTES) -> None:
    """Draw the whole range of a type of few bits whose numbers are all legal."""
    for trace in site.operand(place).traces:
        found = ends.get(site.operand(place).elem_type)
        if found is not None and trace.plain and not trace.cast:
            site.findings.bounds([trace], site.node, Demand("takes every value", *found))


def cast(site: Site) -> None:
    """Cast of an integer to a float: its numbers are quantities; of 8 bits, all of them, and of sound and depths."""
    source, to = site.operand(0), int(site.attribute("to", 0))
    every_value(site, ends=_MEASURED if to in (1, 11) else _BYTES)
    if source.elem_type in _UPPER:  # what takes it for a number with a sign is wrong in the upper half
        site.findings.bounds(source.traces, site.node, Demand("is a number", points=_UPPER[source.elem_type]))
    if source.elem_type in WHOLE - {2, 3} and to in (1, 10, 11, 16):
        # Weak: an index that is also cast keeps its own bounds, which are narrower or decide
        site.findings.bounds(source.traces, site.node, Demand("is a number"))


def float8_zero(site: Site) -> None:
    """DequantizeLinear of float8: the zero point is 0."""
    if site.operand(2).elem_type in _FLOAT8:
        site.findings.bounds(site.operand(2).traces, site.node, Demand("is a zero point", 0, 0))


def scales(*places: int) -> Rule:
    """Return steps of quantisation: positive."""

    def rule(site: Site) -> None:
        for place in places:
            site.findings.bounds(site.operand(place).traces, site.node, Demand("is a step", 0.01, 0.1))

    return rule


def every_zero(*places: int) -> Rule:
    """Quantised operands and zero points."""

    def rule(site: Site) -> None:
        for place in places:
            every_value(site, place)

    return rule


def variance(place: int) -> Rule:
    """Return a variance or a sum of squares: not negative."""

    def rule(site: Site) -> None:
        site.findings.bounds(site.operand(place).traces, site.node, Demand("is a variance", TINY, 2))

    return rule


def decay(site: Site) -> None:
    """LinearAttention: what is kept of a state is a share, given as its logarithm."""
    site.findings.bounds(site.operand(4).traces, site.node, Demand("is a decay", -1, 0))


def steps_done(site: Site) -> None:
    """Adam, Adagrad: training has begun, and the squares that were gathered are positive."""
    tensors = site.operands[2:]
    adam = site.operator.name == "Adam"
    count = len(tensors) // (4 if adam else 3)
    site.findings.bounds(site.operand(1).traces, site.node, Demand("counts steps", 1, 10))
    for place in range(len(site.operands) - count, len(site.operands)):
        site.findings.bounds(site.operand(place).traces, site.node, Demand("is a sum of squares", TINY, 2))


def _exactly(low: float | None, high: float | None, text: str) -> Sequence[Rule]:
    return (partial(_between, low=low, high=high, text=text),)


RULES: Mapping[str, Sequence[Rule]] = {
    ":Log": _exactly(TINY, None, "takes the logarithm"),
    ":Sqrt": _exactly(0, None, "takes the root"),
    ":Acosh": _exactly(1, None, "is defined from 1"),
    ":Asin": _exactly(-1, 1, "is defined from -1 to 1"),
    ":Acos": _exactly(-1, 1, "is defined from -1 to 1"),
    ":Atanh": _exactly(-1 + TINY, 1 - TINY, "is defined between -1 and 1"),
    ":Exp": _exactly(None, 20, "is an exponent"),
    ":Sinh": _exactly(-5, 5, "is an exponent"),
    ":Cosh": _exactly(-5, 5, "is an exponent"),
    ":Tan": _exactly(-1.4, 1.4, "is an angle"),
    ":Bernoulli": _exactly(0, 1, "is a probability"),
    ":Reciprocal": (reciprocal,),
    ":Div": (divisor,),
    ":Mod": (divisor,),
    ":Pow": (power,),
    ":Cast": (cast,),
    ":DequantizeLinear": (every_zero(0, 2), scales(1), float8_zero),
    ":QuantizeLinear": (every_zero(2), scales(1), quantised),
    ":QLinearConv": (every_zero(0, 2, 3, 5, 7), scales(1, 4, 6)),
    ":QLinearMatMul": (every_zero(0, 2, 3, 5, 7), scales(1, 4, 6)),
    ":ConvInteger": (every_zero(0, 1, 2, 3),),
    ":MatMulInteger": (every_zero(0, 1, 2, 3),),
    ":BatchNormalization": (variance(4),),
    ":BitShift": (bits(0), shifted),
    ":BitwiseAnd": (bits(0, 1),),
    ":BitwiseOr": (bits(0, 1),),
    ":BitwiseXor": (bits(0, 1),),
    ":BitwiseNot": (bits(0),),
    ":LinearAttention": (decay,),
    "ai.onnx.preview.training:Adam": (steps_done,),
    "ai.onnx.preview.training:Adagrad": (steps_done,),
}
