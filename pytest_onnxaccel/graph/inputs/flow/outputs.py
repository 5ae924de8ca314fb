"""What the results of a node are: elements of inputs, constants, shares, infinities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_onnxaccel.graph.inputs.backward import SAME_SHAPE
from pytest_onnxaccel.graph.inputs.columns import of_one_column, through
from pytest_onnxaccel.graph.inputs.flow.constants import constant_of, folded
from pytest_onnxaccel.graph.inputs.flow.makers import KEEPS_ORDER, MAKERS, MOVES
from pytest_onnxaccel.graph.inputs.flow.shapes import shape_alike
from pytest_onnxaccel.graph.inputs.infinities import infinite
from pytest_onnxaccel.graph.inputs.sizing import sized_by
from pytest_onnxaccel.graph.inputs.trace import UNKNOWN, Trace, Value, union

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.walk import Site


#: Operators whose results are shares where an operand is.
_KEEPS_SHARES = KEEPS_ORDER | MOVES | {"Concat", "ReduceMean", "Where", "Max", "Min"}


def outputs(site: Site) -> list[Value]:
    """Return what the node's results are, as far as it is known."""
    node, op, count = site.node, site.node.op_type, len(site.node.output)
    standard = node.domain in ("", "ai.onnx")
    values = [v for v in site.operands if v is not None]
    if op == "Constant" and standard:
        return [constant_of(node)]
    by = union([v.by for v in values])
    sized = sized_by(site)
    made = UNKNOWN.with_(by=by, sized_by=sized, shape=site.output_shape(), summed=_summed(site))
    maker = MAKERS.get(op) if standard else None
    by_column = through(site, made)
    if by_column is not None:
        made = by_column
    elif maker is not None:
        made = maker(site, made)
    if not by and made.constant is None:
        made = folded(site, made)
    if made.shape is None:
        shape = shape_alike(site)
        made = made if shape is None else made.with_(shape=shape)
    if op in ("Gather", "Slice", "Split") and site.operand(0).traces:
        one = of_one_column(site)
        made = made.with_(traces=one) if one else made
    results = [made]
    if count > 1:
        rest = made if op in ("Split", "Unique") else UNKNOWN.with_(by=by, sized_by=sized)
        results += [rest.with_(shape=site.output_shape(i), constant=None) for i in range(1, count)]
        if op == "Split" and made.traces and made.traces[0].column is not None:
            results[1:] = [v.with_(traces=of_one_column(site, i) or ()) for i, v in enumerate(results[1:], 1)]
    if standard and _share(site, values):
        results = [v.with_(share=True) for v in results]
    if not standard:
        return results
    return [v.with_(infinite=True) if infinite(site, i) else v for i, v in enumerate(results)]


def _summed(site: Site) -> tuple[Trace, ...]:
    """Return the elements of inputs that the node adds up."""
    source = site.operand(0)
    if site.node.op_type in ("ReduceSum", "ReduceMean"):
        return source.traces
    return source.summed if site.node.op_type in SAME_SHAPE or site.node.op_type in KEEPS_ORDER else ()


def _share(site: Site, values: Sequence[Value]) -> bool:
    op = site.node.op_type
    return op == "Sigmoid" or (op in _KEEPS_SHARES and any(v.share for v in values))
