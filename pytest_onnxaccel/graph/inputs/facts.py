"""The door to what a graph says of its inputs. Runs in a worker: takes a path, gives JSON builtins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.graph.describe import ports
from pytest_onnxaccel.graph.files import load_graph
from pytest_onnxaccel.graph.inputs.batch_axes import batch_axes
from pytest_onnxaccel.graph.inputs.names import suggested
from pytest_onnxaccel.graph.inputs.rules import all_rules
from pytest_onnxaccel.graph.inputs.sliding import windows
from pytest_onnxaccel.graph.inputs.walk import Walk
from pytest_onnxaccel.graph.inputs.whole import whole_results

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
        weights=_multiplied(model.graph) if walk.findings.longest or walk.findings.compared_sizes else 0,
        whole=whole_results(model.graph, values) if free else {},
        windows=windows(model) if _open(fed, axes) else {},
        infinite=tuple(spec.name for spec in given if spec.name in values and values[spec.name].infinite),
    )


def _open(fed: Sequence[TensorSpec], axes: Mapping[str, int]) -> bool:
    """Return whether a size has to be chosen that is not the batch."""
    return any(
        not isinstance(dim, int) and axes.get(one.name) != i for one in fed for i, dim in enumerate(one.shape or ())
    )


def _multiplied(graph: Any) -> int:
    """Return how many numbers the matrices and kernels of *graph* hold, without tables that are looked up in."""
    tables = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    tensors = [one for one in graph.initializer if len(one.dims) > 1 and one.name not in tables]
    return sum(math.prod(one.dims) for one in tensors)
