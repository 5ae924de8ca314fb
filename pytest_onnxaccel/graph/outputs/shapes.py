"""Shapes and small constants of a graph's values, as far as onnx can infer them."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import ModelProto, numpy_helper

from pytest_onnxaccel.graph.describe import tensor_spec
from pytest_onnxaccel.graph.files import FOLLOWED
from pytest_onnxaccel.graph.outputs.bodies import bodies

#: Bytes of a model past which shapes are taken as the file declares them: inferring them copies the model.
_MOST = 256 << 20

#: Most labels of a classifier that are looked up.
_MOST_LABELS = 10_000

Shape = tuple[int | str | None, ...]


class Shapes:
    """Looks up what is known of a value.

    Args:
        model: is not changed.
    """

    def __init__(self, model: ModelProto) -> None:
        graph = model.graph
        self._constants: dict[str, Any] = {t.name: t for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
                for attribute in node.attribute:
                    given = {"value": attribute.t, "value_ints": list(attribute.ints), "value_int": [attribute.i]}
                    self._constants[node.output[0]] = given.get(attribute.name)
        values = [*graph.input, *graph.output, *graph.value_info, *_inner_values(graph)]
        if model.ByteSize() < _MOST:
            try:
                inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
                values += [*inferred.value_info, *inferred.output, *_inner_values(inferred)]
            except Exception:
                pass
        self._shapes: dict[str, Shape] = {}
        for value in values:
            shape = tensor_spec(value).shape
            if shape is not None:
                self._shapes[value.name] = shape

    def shape(self, name: str) -> Shape | None:
        """Return sizes and symbols of *name*; None where not even the rank is known."""
        if name in self._shapes:
            return self._shapes[name]
        found = self._constants.get(name)
        return tuple(found.dims) if isinstance(found, onnx.TensorProto) else None

    def rank(self, name: str) -> int | None:
        """Return number of axes of *name*."""
        shape = self.shape(name)
        return None if shape is None else len(shape)

    def whole(self, name: str) -> list[int] | None:
        """Return the elements of a small constant of whole numbers."""
        found = self._constants.get(name)
        if isinstance(found, list):
            return [int(item) for item in found]
        if not isinstance(found, onnx.TensorProto) or found.data_location == onnx.TensorProto.EXTERNAL:
            return None
        if found.data_type not in (onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.BOOL):
            return None
        size = 1
        for dim in found.dims:
            size *= dim
        return [int(item) for item in numpy_helper.to_array(found).reshape(-1)] if size <= FOLLOWED else None

    def labels(self, name: str) -> tuple[int | float | str, ...]:
        """Return the elements of a constant, of whose axes one at most is longer than 1; nothing of any other value."""
        found = self._constants.get(name)
        if not isinstance(found, onnx.TensorProto) or found.data_location == onnx.TensorProto.EXTERNAL:
            return ()
        if sum(dim > 1 for dim in found.dims) > 1 or not 0 < max([1, *found.dims]) <= _MOST_LABELS:
            return ()
        return tuple(as_text(item) for item in numpy_helper.to_array(found).reshape(-1).tolist())


def as_text(item: Any) -> Any:
    """Return bytes as text, numbers as they are."""
    return item.decode(errors="replace") if isinstance(item, bytes) else item


def _inner_values(graph: Any) -> list[Any]:
    """Return what is said of the values of the graphs inside *graph*."""
    found = []
    for node in graph.node:
        for body in bodies(node):
            found += [*body.input, *body.output, *body.value_info, *_inner_values(body)]
    return found
