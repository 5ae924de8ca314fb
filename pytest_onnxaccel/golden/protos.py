"""``TensorProto``, ``SequenceProto``, ``OptionalProto`` and ``MapProto`` files as values. Runs in workers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from pytest_onnxaccel.golden.layout import wrong
from pytest_onnxaccel.golden.values import Value

#: What a file holds, by the kind of the input or output that it is for.
_PROTOS = {
    "sequence": "SequenceProto",
    "optional": "OptionalProto",
    "optional sequence": "OptionalProto",
    "map": "MapProto",
}
#: How deep sequences and optionals may lie in each other.
_DEEPEST = 8


def read_proto(data: bytes, kind: str) -> tuple[str, Value]:
    """Return the name that is written in the file, often empty, and the value.

    Args:
        data: the bytes of a ``.pb`` file.
        kind: of the input or output, as :class:`~pytest_onnxaccel.core.specs.TensorSpec` has it.

    Raises:
        ModelError: ``E_GOLDEN``: the bytes are not such a value.
    """
    name = _PROTOS.get(kind, "TensorProto")
    proto = getattr(onnx, name)()
    try:
        proto.ParseFromString(data)
    except Exception as error:  # protobuf's own, of another class in each of its implementations
        raise wrong(f"is cut off, or not a {name} ({type(error).__name__})") from None
    return str(proto.name), _READERS[name](proto, _DEEPEST)


def _tensor(tensor: Any, depth: int) -> Value:
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise wrong("keeps its data in another file, which is not opened", remedy="save the tensor with its data")
    dims = tuple(tensor.dims)
    if tensor.data_type not in onnx.TensorProto.DataType.values() or not tensor.data_type:
        raise wrong(f"holds elements of no known type ({tensor.data_type})")
    if min(dims, default=0) < 0 or tensor.HasField("segment"):
        raise wrong(f"has the shape {list(dims)}, which no tensor has")
    if math.prod(dims) > 1 << 31:
        raise wrong(f"has the shape {list(dims)}, which is too large")
    try:
        if tensor.data_type == onnx.TensorProto.STRING:
            texts = [item.decode("utf-8") for item in tensor.string_data]
            return np.array(texts, dtype=object).reshape(dims)
        return np.asarray(numpy_helper.to_array(tensor)).reshape(dims)
    except UnicodeDecodeError:
        raise wrong("holds texts that are not UTF-8") from None
    except (ValueError, TypeError, KeyError) as error:
        kind = onnx.TensorProto.DataType.Name(tensor.data_type)
        raise wrong(f"holds no {kind} of the shape {list(dims)}: it is cut off, or damaged ({error})") from None


def _sequence(sequence: Any, depth: int) -> Value:
    kinds = {1: "tensor_values", 3: "sequence_values", 4: "map_values", 5: "optional_values"}
    return [_element(item, depth) for item in getattr(sequence, _kind(sequence, kinds))]


def _optional(optional: Any, depth: int) -> Value:
    if not optional.elem_type:
        return None
    kinds = {1: "tensor_value", 3: "sequence_value", 4: "map_value", 5: "optional_value"}
    field = _kind(optional, kinds)
    return _element(getattr(optional, field), depth) if optional.HasField(field) else None


def _map(entries: Any, depth: int) -> Value:
    keys = [key.decode("utf-8", "replace") for key in entries.string_keys] or list(entries.keys)
    values = _sequence(entries.values, depth)
    if not isinstance(values, list) or len(values) != len(keys):
        raise wrong(f"holds {len(keys)} keys and another number of values")
    return dict(zip(keys, values, strict=True))


def _kind(proto: Any, kinds: dict[int, str]) -> str:
    if proto.elem_type not in kinds:
        raise wrong("holds elements of a kind that is not read (sparse tensors, or none)")
    return kinds[proto.elem_type]


def _element(proto: Any, depth: int) -> Value:
    if not depth:
        raise wrong(f"holds values in values, more than {_DEEPEST} deep")
    return _READERS[type(proto).__name__](proto, depth - 1)


_READERS: dict[str, Any] = {
    "TensorProto": _tensor, "SequenceProto": _sequence, "OptionalProto": _optional, "MapProto": _map,
}  # fmt: skip
