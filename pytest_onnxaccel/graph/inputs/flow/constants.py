"""Constants of a file, and small ones that are computed of them: tables, axes and sizes that rules ask for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import numpy_helper

from pytest_onnxaccel.graph.inputs.trace import MOST_ELEMENTS, UNKNOWN, Value, constant

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.walk import Site


#: Operators on small constants that are worth computing: they make the tables, axes and sizes that rules ask for.
FOLDABLE: Mapping[str, Callable[..., Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Neg": np.negative, "Equal": np.equal, "Sqrt": np.sqrt,
}  # fmt: skip


def add_constants(graph: Any, env: dict[str, Value]) -> None:
    """Put the initializers of *graph* into *env*; the large ones by their shape alone."""
    for tensor in graph.initializer:
        env[tensor.name] = of_tensor(tensor)
    for sparse in graph.sparse_initializer:
        env[sparse.values.name] = Value(shape=tuple(sparse.dims))


class _Stored(Value):
    """A constant of the file whose elements are read when somebody asks for them: most are weights, and nobody does."""

    @cached_property
    def constant(self) -> Any:
        """Return its elements; None where the data does not fill the shape, which is the checker's to refuse."""
        try:
            return numpy_helper.to_array(self.__dict__["tensor"])
        except Exception:
            return None


def of_tensor(tensor: Any) -> Value:
    """Return a constant of the file; its elements where they are few and in the file itself."""
    shape = tuple(tensor.dims)
    elem_type = tensor.data_type
    if 0 <= math.prod(shape) <= MOST_ELEMENTS and tensor.data_location != onnx.TensorProto.EXTERNAL:
        made = object.__new__(_Stored)
        made.__dict__.update(_LATER, tensor=tensor, shape=shape, elem_type=elem_type)
        return made
    return UNKNOWN.with_(shape=shape, elem_type=elem_type)


#: Fields of a stored constant but its elements.
_LATER = {name: value for name, value in vars(UNKNOWN).items() if name != "constant"}


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
    function = site.operator.foldable
    arrays = [v.constant if v is not None else None for v in site.operands]
    if function is None or not arrays or any(array is None for array in arrays):
        return made
    with np.errstate(all="ignore"):
        found = np.asarray(function(*arrays))
    return made.with_(constant=found if found.size <= MOST_ELEMENTS else None, shape=tuple(found.shape))
