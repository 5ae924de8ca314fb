"""Values of the types that NumPy lacks (bfloat16, 8-bit floats, 4-bit integers), to and from ONNX Runtime."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.specs import TensorSpec

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Elements of so many bits by dtype.
_BITS = {
    "bfloat16": 16, "float8e4m3fn": 8, "float8e4m3fnuz": 8, "float8e5m2": 8, "float8e5m2fnuz": 8, "float8e8m0": 8,
    "int4": 4, "uint4": 4, "float4e2m1": 4, "int2": 2, "uint2": 2,
}  # fmt: skip


def typed(specs: Sequence[TensorSpec]) -> bool:
    """Return whether some of *specs* has a type that ONNX Runtime does not pass as an array, and all are tensors."""
    return any(spec.dtype in _BITS for spec in specs) and all(spec.kind == "tensor" for spec in specs)


def caller(
    session: Any, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], feeds: Mapping[str, Array]
) -> Callable[[], list[Array]]:
    """Return the call from prepared values to arrays."""
    import onnxruntime as ort

    dtypes = {spec.name: spec.dtype for spec in inputs}
    # The buffers must outlive the values, which only point to them
    buffers = {name: _as_bytes(array, dtypes[name]) for name, array in feeds.items()}
    ready = {
        name: ort.OrtValue.ortvalue_from_numpy_with_onnx_type(buffer, _code(dtypes[name]))
        if dtypes[name] in _BITS else ort.OrtValue.ortvalue_from_numpy(buffer)
        for name, buffer in buffers.items()
    }  # fmt: skip
    names = [spec.name for spec in outputs]

    def call() -> list[Array]:
        found = session.run_with_ort_values(names, ready)
        assert buffers is not None
        return [_fetched(value, spec.dtype) for value, spec in zip(found, outputs, strict=True)]

    return call


def _code(dtype: str) -> int:
    from onnx import TensorProto

    return int(TensorProto.DataType.Value(dtype.upper()))


def _numpy(dtype: str) -> Any:
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(_code(dtype))


def _as_bytes(array: Array, dtype: str) -> Array:
    """Return unsigned integers of the same shape with the elements' bits.

    Those of less than a byte are packed in front.
    """
    import numpy as np

    bits = _BITS.get(dtype)
    if bits is None:
        return array
    if bits >= 8:
        return np.ascontiguousarray(array).view(np.uint16 if bits == 16 else np.uint8).reshape(array.shape)
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8) & ((1 << bits) - 1)
    made = np.zeros(array.shape, np.uint8)
    each = 8 // bits
    rows = np.zeros(-(-flat.size // each) * each, np.uint8)
    rows[: flat.size] = flat
    packed = np.zeros(rows.size // each, np.uint8)
    for place in range(each):
        packed |= rows[place::each] << np.uint8(bits * place)
    made.reshape(-1)[: packed.size] = packed
    return made


def _fetched(value: Any, dtype: str) -> Array:
    import numpy as np

    bits = _BITS.get(dtype)
    if bits is None:
        found: Array = value.numpy()
        return found
    shape = tuple(value.shape())
    count = math.prod(shape)
    data = ctypes.string_at(value.data_ptr(), -(-count * bits // 8)) if count else b""
    if bits >= 8:
        return np.frombuffer(data, _numpy(dtype)).reshape(shape).copy()
    each = 8 // bits
    packed = np.frombuffer(data, np.uint8)
    flat = np.stack([(packed >> np.uint8(bits * place)) & ((1 << bits) - 1) for place in range(each)], -1)
    found = flat.reshape(-1)[:count].astype(np.uint8)
    if dtype.startswith("int"):  # the sign is the highest bit
        found = ((found.astype(np.int8) ^ (1 << (bits - 1))) - (1 << (bits - 1))).astype(_numpy(dtype))
    else:
        found = found.astype(_numpy(dtype)) if dtype.startswith("uint") else found.view(_numpy(dtype))
    return found.reshape(shape)
