"""``.npy``, ``.npz`` and ``.safetensors`` files as arrays by name. Runs in workers; nothing is unpickled."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from typing import Any

import numpy as np

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.files.archives import opened_zip
from pytest_onnxaccel.golden.layout import wrong
from pytest_onnxaccel.golden.tables import parsed, unique
from pytest_onnxaccel.golden.values import Value, dtype_called

#: Longest header of a safetensors file, bytes: the format's own limit.
_LONGEST_HEADER = 100 << 20
#: Types of a safetensors file by its names.
_SAFE = {
    "BOOL": "bool", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64", "U8": "uint8", "U16": "uint16",
    "U32": "uint32", "U64": "uint64", "F16": "float16", "F32": "float32", "F64": "float64", "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu", "C64": "complex64",
}  # fmt: skip


def read_npy(data: bytes) -> Value:
    """Return the one array of a ``.npy`` file."""
    try:
        return _whole(np.load(io.BytesIO(data), allow_pickle=False))
    except OnnxAccelError:
        raise
    except Exception as error:  # of many kinds, by what the bytes are
        raise wrong(f"cannot be read as an array: {error}") from None


def read_npz(data: bytes, largest: int) -> dict[str, Value]:
    """Return the arrays of a ``.npz`` file, which unpacked may take *largest* bytes."""
    try:
        with opened_zip(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(item.file_size for item in members) > largest:
                raise wrong(f"holds more than {largest >> 20} MiB of arrays", remedy="store fewer samples")
            return unique((item.filename.removesuffix(".npy"), read_npy(archive.read(item))) for item in members)
    except OnnxAccelError as error:
        raise wrong(error.cause) from None
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, zlib.error, RuntimeError) as error:
        raise wrong(f"cannot be read as an archive of arrays: {error}") from None


def _whole(array: Any) -> Value:
    if not isinstance(array, np.ndarray):
        raise wrong("is not one array")
    return array


def read_safetensors(data: bytes) -> dict[str, Value]:
    """Return the tensors of a ``.safetensors`` file: a length, a header in JSON, and the bytes that it describes."""
    try:
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or length > min(len(data) - 8, _LONGEST_HEADER):
            raise ValueError("its header is cut off")
        header = parsed(data[8 : 8 + length])
        if not isinstance(header, dict):
            raise ValueError("its header is not a table")
        rest = memoryview(data)[8 + length :]
        return {name: _tensor(rest, entry) for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise wrong(f"cannot be read as safetensors: {error}") from None


def _tensor(data: memoryview, entry: dict[str, Any]) -> Value:
    if entry["dtype"] not in _SAFE:
        raise wrong(f"holds elements of type {entry['dtype']!r}, which is not read")
    dtype, shape = dtype_called(_SAFE[entry["dtype"]]), tuple(entry["shape"])
    start, end = entry["data_offsets"]
    if not all(type(size) is int for size in (*shape, start, end)):
        raise ValueError("a shape or an offset is not a whole number")
    if min(shape, default=0) < 0 or not 0 <= start <= end <= len(data):
        raise ValueError("a tensor is outside of the file")
    if end - start != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"a tensor of the shape {list(shape)} has {end - start} bytes")
    return np.frombuffer(data[start:end], dtype).reshape(shape)
