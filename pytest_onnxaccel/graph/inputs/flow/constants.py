"""Constants of a file, and small ones that are computed of them: tables, axes and sizes that rules ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import numpy_helper

from pytest_onnxaccel.graph.inputs.trace import MOST_ELEMENTS, UNKNOWN, Value, constant

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.walk import Site


#: Operators on small constants that are worth computing: they make the tables, axes and sizes that rules ask for.
_FOLDABLE: Mapping[str, Callable[..., Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Neg": np.negative, "Equal": np.equal, "Sqrt": np.sqrt,
}  # fmt: skip


def add_constants(graph: Any, env: dict[str, Value]) -> None:
    """Put the initializers of *graph* into *env*; the large ones by their shape alone."""
    for tensor in graph.initializer:
        env[tensor.name] = of_tensor(tensor)
    for sparse in graph.sparse_initializer:
        env[sparse.values.name] = Value(shape=tuple(sparse.dims))


def of_tensor(tensor: Any) -> Value:
    """Return a constant of the file; its elements where they are few and in the file itself."""
    shape = tuple(int(d) for d in tensor.dims)
    external = tensor.data_location == onnx.TensorProto.EXTERNAL
    count = int(np.prod(shape, dtype=np.int64)) if shape else 1
    if external or not 0 <= count <= MOST_ELEMENTS:
        return UNKNOWN.with_(shape=shape, elem_type=tensor.data_type)
    try:
        array = numpy_helper.to_array(tensor)
    except Exception:  # data that does not fill the shape: the checker's to refuse
        return UNKNOWN.with_(shape=shape, elem_type=tensor.data_type)
    return constant(array).with_(elem_type=tensor.data_type)


def constant_of(node: Any) -> Value:
    for item in node.attribute:
        if item.name == "value":
            return of_tensor(item.t)
        if item.name in ("value_int", "value_float"):
            return constant(np.asarray(onnx.helper.get_attribute_value(item)))
        if item.name in ("value_ints", "value_floats"):
            return constant(np.asarray(onnx.helper.get_attribute_value(item)))
    return UNKNOWN


def folded(site: Site, made: Value) -> Value:
    """Return a small constant computed from small constants."""
    function = _FOLDABLE.get(site.node.op_type)
    arrays = [v.constant if v is not None else None for v in site.operands]
    if function is None or not arrays or any(array is None for array in arrays):
        return made
    with np.errstate(all="ignore"):
        found = np.asarray(function(*arrays))
    return made.with_(constant=found if found.size <= MOST_ELEMENTS else None, shape=tuple(found.shape))
