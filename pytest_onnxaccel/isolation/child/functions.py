"""What a worker may be asked to call, by name: functions on graphs, and what makes a backend."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from pytest_onnxaccel.backends.protocol import GROUP, Backend

#: What a host may ask of a graph: name -> "module:function". Arguments and answers are JSON.
GRAPH_FUNCTIONS = {
    "inspect": "pytest_onnxaccel.graph.describe:inspect",
    "input_facts": "pytest_onnxaccel.graph.inputs.facts:input_facts",
    "golden": "pytest_onnxaccel.golden.read:read",
    "structure": "pytest_onnxaccel.graph.validate:structure",
    "hygiene": "pytest_onnxaccel.graph.lint:hygiene",
    "rebatch": "pytest_onnxaccel.graph.rebatch.rebatch:rebatch",
    "rebatch_joins": "pytest_onnxaccel.graph.rebatch.rebatch:joins",
    "rebatch_methods": "pytest_onnxaccel.graph.rebatch.rebatch:methods",
    "rebatch_diagnose": "pytest_onnxaccel.graph.rebatch.rebatch:diagnose",
    "treats_as_batch": "pytest_onnxaccel.graph.rebatch.promise:treats_as_batch",
    "variants": "pytest_onnxaccel.graph.equivalents:applicable",
    "variant": "pytest_onnxaccel.graph.equivalents:variant",
    "legacy": "pytest_onnxaccel.graph.onnx_tf_copy.prepare:prepare",
    "prepend": "pytest_onnxaccel.graph.fold_preprocessing.fold:prepend",
    "fold_into_first_conv": "pytest_onnxaccel.graph.fold_preprocessing.fold:fold_into_first_conv",
    "tap": "pytest_onnxaccel.graph.fold_preprocessing.fold:tap",
    "arithmetic": "pytest_onnxaccel.graph.arithmetic.model:arithmetic",
    "anatomy": "pytest_onnxaccel.graph.probe.anatomy:anatomy",
    "movable": "pytest_onnxaccel.graph.reach.variant:movable",
    "expose": "pytest_onnxaccel.graph.probe.expose:expose",
    "extract": "pytest_onnxaccel.graph.probe.extract:extract",
    "folded": "pytest_onnxaccel.graph.probe.folded:folded",
    "node_diff": "pytest_onnxaccel.graph.probe.node_diff:node_diff",
    "node_diffs": "pytest_onnxaccel.graph.probe.node_diff:node_diffs",
    "rest": "pytest_onnxaccel.graph.probe.unsteady:rest",
    "transplant": "pytest_onnxaccel.graph.probe.transplant:transplant",
    "unsteady": "pytest_onnxaccel.graph.probe.unsteady:unsteady",
    "upgrade": "pytest_onnxaccel.graph.upgrade:upgrade",
    "initializers": "pytest_onnxaccel.graph.simplify:free_initializers",
    "simplify": "pytest_onnxaccel.graph.simplify:simplify",
    "float16": "pytest_onnxaccel.graph.quantize:to_float16",
    "int8": "pytest_onnxaccel.graph.quantize:to_int8",
    "convert": "pytest_onnxaccel.convert.run:convert",
    "source_kind": "pytest_onnxaccel.convert.formats:kind_of",
}


def graph_function(name: str) -> Callable[..., Any]:
    """Return the graph function of that name; a check of another distribution gives ``module:function`` instead."""
    found: Callable[..., Any] = resolve(name if ":" in name else GRAPH_FUNCTIONS[name])
    return found


def resolve(reference: str) -> Any:
    """Return the object that ``module:name`` refers to."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def make_backend(reference: str) -> Backend:
    """Return the backend that ``module:name`` (or a name of the entry-point group) refers to.

    What follows a space is the argument of what it names.
    """
    reference, space, given = reference.partition(" ")
    if space:
        described: Backend = resolve(reference)(given)
        return described
    if ":" in reference:
        backend: Backend = resolve(reference)()
        return backend
    from pytest_onnxaccel.core.lookup import registry

    found: Backend = registry.load(GROUP, reference)()
    return found
