"""Parses a model file, once for the functions that look at the same file one after the other."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import onnx

from pytest_onnxaccel.core.errors import ModelError, printable

#: Most elements of a tensor whose value is followed.
FOLLOWED = 256


def load_graph(path: str) -> onnx.ModelProto:
    """Return the model at *path* without its external data. Shared: callers must not change it.

    Raises:
        ModelError: ``E_PARSE``: the file is truncated or not an ONNX model.
    """
    try:
        stamp = os.stat(path)
    except OSError as error:
        raise ModelError(str(error.strerror), code="E_FILE", subject=path) from None
    return _parsed(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=1)
def _parsed(path: str, changed_ns: int, size: int) -> onnx.ModelProto:
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:
        raise ModelError(
            f"is truncated or not an ONNX model: {printable(str(error), 200)}",
            code="E_PARSE",
            remedy="export it again, or fetch the whole file",
        ) from None
    if not model.ir_version and not model.graph.node and not model.graph.output:
        raise ModelError("holds no ONNX model", code="E_PARSE", remedy="export it again")
    return model


def fed_values(graph: Any) -> list[Any]:
    """Return the inputs of *graph* that no initializer gives a value to."""
    given = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    return [value for value in graph.input if value.name not in given]


def all_graphs(model: onnx.ModelProto) -> list[Any]:
    """Return the main graph, every subgraph in it, and every model-local function."""
    found: list[Any] = []
    waiting: list[Any] = [model.graph, *model.functions]
    while waiting:
        graph = waiting.pop()
        found.append(graph)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    waiting.append(attribute.g)
                elif attribute.type == onnx.AttributeProto.GRAPHS:
                    waiting.extend(attribute.graphs)
    return found
