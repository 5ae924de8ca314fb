"""The door to what a graph says of its inputs. Runs in a worker: takes a path, gives JSON builtins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.graph.describe import ports
from pytest_onnxaccel.graph.files import all_graphs, load_graph
from pytest_onnxaccel.graph.inputs.batch_axes import batch_axes
from pytest_onnxaccel.graph.inputs.flow.bodies import graphs_of
from pytest_onnxaccel.graph.inputs.names import suggested
from pytest_onnxaccel.graph.inputs.rules import all_rules
from pytest_onnxaccel.graph.inputs.sliding import windows
from pytest_onnxaccel.graph.inputs.walk import Walk
from pytest_onnxaccel.graph.inputs.whole import whole_results

#: Operators with subgraphs.
_WITH_BODIES = frozenset({"If", "Loop", "Scan", "SequenceMap"})
#: Operators of quantised graphs.
_QUANTISED = frozenset({
    "ConvInteger", "DynamicQuantizeLinear", "MatMulInteger", "QAttention", "QLinearConv", "QLinearMatMul",
    "QuantizeLinear",
})  # fmt: skip
#: Sizes that conditions tell apart, of one input.
_MOST_COMPARED = 4


def input_facts(path: str) -> dict[str, Any]:
    """Return the JSON form of :class:`~pytest_onnxaccel.core.domains.InputFacts` of the model at *path*.

    Raises:
        ModelError: ``E_PARSE``.
    """
    return facts_of(load_graph(path)).to_json()


def facts_of(model: Any) -> InputFacts:
    """Return what *model* says of its inputs."""
    fed, given = ports(model)
    walk = Walk(model, all_rules())
    values = walk.run()
    dtypes = {spec.name: spec.dtype for spec in fed}
    domains = walk.findings.domains(dtypes)
    domains |= suggested(fed, domains)
    batch, axes = batch_axes(fed, domains, walk.findings.batch_axes)
    free = axes and not isinstance(batch, int)
    shaped = {spec.name: tuple(sorted(values[spec.name].sized_by)) for spec in given if spec.name in values}
    return InputFacts(
        domains,
        batch,
        axes,
        value_shaped={name: inputs for name, inputs in shaped.items() if inputs},
        shares=tuple(spec.name for spec in given if spec.name in values and values[spec.name].share),
        longest=dict(walk.findings.longest),
        compared={name: tuple(sizes)[:_MOST_COMPARED] for name, sizes in walk.findings.compared_sizes.items()},
        weights=_multiplied(model),
        limited=walk.findings.limited,
        quantised=any(node.op_type in _QUANTISED for graph in all_graphs(model) for node in graph.node),
        whole=whole_results(model.graph, values) if free else {},
        windows=windows(model) if _open(fed, axes) else {},
        infinite=tuple(spec.name for spec in given if spec.name in values and values[spec.name].infinite),
    )


def _open(fed: Sequence[TensorSpec], axes: Mapping[str, int]) -> bool:
    """Return whether a size has to be chosen that is not the batch."""
    return any(
        not isinstance(dim, int) and axes.get(one.name) != i for one in fed for i, dim in enumerate(one.shape or ())
    )


def _multiplied(model: Any) -> int:
    """Return how many numbers the matrices and kernels of *model* hold, without tables that are looked up in."""
    return sum(_of_graph(graph) for graph in [model.graph, *model.functions])


def _of_graph(graph: Any) -> int:
    tables, inner, constants = set(), 0, []
    for node in graph.node:
        if node.op_type == "Gather":
            tables.add(node.input[0])
        elif node.op_type == "Constant":
            constants += [(node.output[0], item.t) for item in node.attribute if item.name == "value"]
        elif node.op_type in _WITH_BODIES:
            inner += sum(_of_graph(body) for item in node.attribute for body in graphs_of(item))
    constants += [(one.name, one) for one in getattr(graph, "initializer", ())]
    sizes: list[int] = [math.prod(one.dims) for name, one in constants if len(one.dims) > 1 and name not in tables]
    return inner + sum(sizes)
