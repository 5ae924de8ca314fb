"""Golden values on their way from a worker: a file of raw bytes, and JSON that says what is where."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from pytest_onnxaccel.golden.layout import wrong

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: An array; a sequence; a map; None: an optional that is empty.
Value = Any

#: NumPy's names of the types that golden data may have.
_PLAIN = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "complex64", "complex128",
)  # fmt: skip
#: Those of ml_dtypes.
_EXTENDED = (
    "bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
    "float4_e2m1fn", "int4", "uint4", "int2", "uint2",
)  # fmt: skip
#: How deep values may lie in each other.
_DEEPEST = 16


def dtype_called(name: str) -> np.dtype[Any]:
    """Return the dtype called *name*, one of a fixed list.

    Raises:
        ModelError: ``E_GOLDEN``: no golden data has it.
    """
    if name in _PLAIN:
        return np.dtype(name)
    if name not in _EXTENDED:
        raise wrong(f"holds elements of type {name!r}, which is not read")
    import ml_dtypes

    try:
        found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    except AttributeError:
        raise wrong(f"holds {name}, which the installed ml_dtypes lacks", remedy="upgrade ml_dtypes") from None
    return found


class Packer:
    """Writes arrays into *file* one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = 0

    def pack(self, value: Value) -> dict[str, Any]:
        """Return what :func:`unpack` needs to give *value* again."""
        if value is None:
            return {"kind": "none"}
        if isinstance(value, list):
            return {"kind": "sequence", "values": [self.pack(item) for item in value]}
        if isinstance(value, dict):
            return {"kind": "map", "keys": list(value), "values": [self.pack(item) for item in value.values()]}
        array = np.asarray(value)
        if array.dtype.kind in "OUS":
            texts = [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in array.ravel()]
            if not all(isinstance(text, str) for text in texts):
                raise wrong(f"holds neither numbers nor text but {array.dtype}")
            return {"kind": "text", "values": texts, "shape": list(array.shape)}
        if array.dtype.byteorder == ">":
            array = array.astype(array.dtype.newbyteorder("="))
        dtype_called(array.dtype.name)
        data = np.ascontiguousarray(array).tobytes()
        self._file.write(data)
        self._end += len(data)
        start = self._end - len(data)
        return {"kind": "array", "dtype": array.dtype.name, "shape": list(array.shape), "start": start}


def unpack(packed: Mapping[str, Any], data: bytes, depth: int = _DEEPEST) -> Value:
    """Return the value that *packed* describes; its bytes are in *data*.

    Raises:
        ModelError: ``E_GOLDEN``: it describes none.
    """
    try:
        if not depth:
            raise ValueError("values in values")
        kind = packed["kind"]
        if kind == "none":
            return None
        if kind in ("sequence", "map"):
            values = [unpack(item, data, depth - 1) for item in packed["values"]]
            return values if kind == "sequence" else dict(zip(packed["keys"], values, strict=True))
        shape = tuple(int(size) for size in packed["shape"])
        if kind == "text":
            return np.array([str(text) for text in packed["values"]], dtype=object).reshape(shape)
        dtype = dtype_called(str(packed["dtype"]))
        count = math.prod(shape)
        if min(shape, default=0) < 0:
            raise ValueError("a shape is negative")
        flat = np.frombuffer(data, dtype, count, int(packed["start"])) if count else np.empty(0, dtype)
        return flat.reshape(shape).copy()
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise wrong(f"was not transferred completely ({error})") from None


def write_packed(path: str, sides: Mapping[str, Mapping[str, Value]]) -> dict[str, dict[str, Any]]:
    """Write the values of *sides* (a text, then a name) to the new file *path*; gives what :func:`unpack` needs."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        packer = Packer(file)
        return {key: {name: packer.pack(value) for name, value in named.items()} for key, named in sides.items()}
