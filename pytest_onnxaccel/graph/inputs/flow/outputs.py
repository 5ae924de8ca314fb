"""What the results of a node are: elements of inputs, constants, shares, infinities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_onnxaccel.graph.inputs.columns import of_one_column, through
from pytest_onnxaccel.graph.inputs.flow.constants import constant_of, folded
from pytest_onnxaccel.graph.inputs.flow.curves import curves
from pytest_onnxaccel.graph.inputs.flow.shapes import shape_alike
from pytest_onnxaccel.graph.inputs.sizing import sized_by
from pytest_onnxaccel.graph.inputs.trace import Trace, Value, computed, union

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.walk import Site


def outputs(site: Site) -> list[Value]:
    """Return what the node's results are, as far as it is known."""
    operator, count = site.operator, len(site.outputs)
    if operator.name == "Constant" and operator.standard:
        return [constant_of(site.node)]
    values = [v for v in site.operands if v is not None]
    by = union([v.by for v in values])
    sized = sized_by(site)
    made = computed(by, sized, site.output_shape())
    if (operator.keeps_sums or operator.adds_up) and (summed := _summed(site)):
        made = made.with_(summed=summed)
    by_column = None if operator.columns is None else through(site, made)
    if by_column is not None:
        made = by_column
    elif operator.maker is not None:
        made = operator.maker(site, made)
    if operator.foldable is not None and not by and made.constant is None:
        made = folded(site, made)
    if made.shape is None and (shape := shape_alike(site)) is not None:
        made = made.with_(shape=shape)
    if operator.curved and (found := curves(site)):
        made = made.with_(curves=found)
    if operator.name in ("Gather", "Slice", "Split") and site.operand(0).traces:
        one = of_one_column(site)
        made = made.with_(traces=one) if one else made
    results = [made]
    if count > 1:
        rest = made if operator.name in ("Split", "Unique") else computed(by, sized)
        results += [rest.with_(shape=site.output_shape(i), constant=None) for i in range(1, count)]
        if operator.name == "Split" and made.traces and made.traces[0].column is not None:
            results[1:] = [v.with_(traces=of_one_column(site, i) or ()) for i, v in enumerate(results[1:], 1)]
    if operator.share or (operator.keeps_shares and True in [v.share for v in values]):
        results = [v.with_(share=True) for v in results]
    infinite = operator.infinities
    if infinite is None or (count == 1 and not infinite(site, 0)):
        return results
    return [v.with_(infinite=True) if infinite(site, i) else v for i, v in enumerate(results)]


def _summed(site: Site) -> tuple[Trace, ...]:
    """Return the elements of inputs that the node adds up."""
    if site.operator.adds_up:
        return site.operand(0).traces
    return site.operand(0).summed if site.operator.keeps_sums else ()
