"""TensorFlow Lite files as they are on disk, read without TensorFlow and refused where they need code of others.

Slots of fields are those of TensorFlow's ``schema.fbs``, version 3, whose slots never change. Every offset is checked
against the file before it is followed.
"""

from __future__ import annotations

import mmap
import os
import stat
import struct
from collections.abc import Iterator

from pytest_onnxaccel.errors import ModelError, printable
from pytest_onnxaccel.frozen_class import record
from pytest_onnxaccel.spec import Dim, TensorSpec

#: Offsets of a flatbuffer are signed 32-bit numbers in TensorFlow Lite's own library.
LARGEST = 2 << 30
#: Operators and tensors of all subgraphs; a real model has some thousands.
MOST = 1_000_000

#: ``TensorType``, by its number.
_DTYPES = (
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64",
    "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16",
)  # fmt: skip
#: ``BuiltinOperator``: what is computed by a library that the file only names, and by a delegate's.
_CUSTOM, _DELEGATE = 32, 51
_RANGED = "its offsets leave it"


@record(frozen=True)
class LiteTensor:
    """A tensor of the main subgraph.

    Attributes:
        index: in the interpreter, too.
        spec: its own name, dtype and shape; no shape where the file does not say its rank.
    """

    index: int
    spec: TensorSpec

    @property
    def name(self) -> str:
        """As the file has it."""
        return self.spec.name


@record(frozen=True)
class LiteSignature:
    """A signature of the main subgraph: tensor by key."""

    inputs: dict[str, LiteTensor]
    outputs: dict[str, LiteTensor]


@record(frozen=True)
class LiteModel:
    """What a file declares.

    Attributes:
        inputs, outputs: of the main subgraph, in its order.
        signatures: those of the main subgraph.
        others: names of signatures of other subgraphs.
        remembers: a tensor keeps its value from one run to the next.
    """

    inputs: tuple[LiteTensor, ...]
    outputs: tuple[LiteTensor, ...]
    signatures: dict[str, LiteSignature]
    others: tuple[str, ...]
    remembers: bool


def read_lite(path: str) -> LiteModel:
    """The TensorFlow Lite file at *path*.

    Raises:
        ModelError: ``E_UNSAFE``: an operator whose code is not TensorFlow Lite's own, with its node; ``E_FILE``,
            ``E_SIZE``, ``E_PARSE``.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb"):
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise ModelError("is no regular file", code="E_FILE")
            if found.st_size > LARGEST:
                raise ModelError("is over 2 GiB, which no TensorFlow Lite file can be", code="E_SIZE")
            if found.st_size < 8:
                raise _garbled("it is too short")
            # Weights are most of the file, and none of them is looked at
            with mmap.mmap(handle, 0, access=mmap.ACCESS_READ) as data:
                return _model(data)
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", code="E_FILE") from None


def _model(data: mmap.mmap) -> LiteModel:
    if data[4:8] != b"TFL3":
        raise _garbled("it does not begin as one")
    reader = _Reader(data)
    root = _Table(reader, reader.number("<I", 0))
    subgraphs = list(root.tables(2))
    if not subgraphs:
        raise _garbled("it holds no graph")
    codes = [_code(code) for code in root.tables(1)]
    for subgraph in subgraphs:
        _refuse(subgraph, codes)
    main = subgraphs[0]
    tensors = [LiteTensor(index, _spec(tensor)) for index, tensor in enumerate(main.tables(0))]

    def at(index: int) -> LiteTensor:
        if not 0 <= index < len(tensors):
            raise _garbled("it names a tensor that it lacks")
        return tensors[index]

    signatures: dict[str, LiteSignature] = {}
    others: list[str] = []
    for item in root.tables(7):
        if item.scalar("<I", 4):
            others.append(item.text(2))
            continue
        sides = [{entry.text(0): at(entry.scalar("<I", 1)) for entry in item.tables(side)} for side in (0, 1)]
        signatures[item.text(2)] = LiteSignature(*sides)
    remembers = any(tensor.scalar("<B", 5) for subgraph in subgraphs for tensor in subgraph.tables(0))
    inputs, outputs = (tuple(at(index) for index in main.numbers(slot)) for slot in (1, 2))
    return LiteModel(inputs, outputs, signatures, tuple(others), remembers)


def _code(code: _Table) -> tuple[int, str]:
    """Number of the operator, and its name where it is not TensorFlow Lite's own."""
    # The first field is one byte wide; operators past 127 are in the later one
    return max(code.scalar("<b", 0), code.scalar("<i", 3)), code.text(1)


def _refuse(subgraph: _Table, codes: list[tuple[int, str]]) -> None:
    """Refuse operators whose code lies elsewhere: that of a delegate can be TensorFlow's own, which reads files."""
    tensors: list[_Table] | None = None
    for operator in subgraph.tables(3):
        index = operator.scalar("<I", 0)
        if index >= len(codes):
            raise _garbled("it names an operator that it lacks")
        number, custom = codes[index]
        if number not in (_CUSTOM, _DELEGATE):
            continue
        tensors = list(subgraph.tables(0)) if tensors is None else tensors
        outputs = operator.numbers(2)
        node = tensors[outputs[0]].text(3) if outputs and 0 <= outputs[0] < len(tensors) else ""
        name = custom or ("DELEGATE" if number == _DELEGATE else "CUSTOM")
        why = "runs code of TensorFlow" if name.startswith("Flex") else "runs code that TensorFlow Lite does not have"
        raise ModelError(
            f"holds the custom operator {printable(name, 60)} {printable(node, 80)!r}, which {why}",
            code="E_UNSAFE",
            remedy="convert it with the operators of TensorFlow Lite alone, or give what it was converted from",
        )


def _spec(tensor: _Table) -> TensorSpec:
    number = tensor.scalar("<b", 1)
    dtype = _DTYPES[number] if 0 <= number < len(_DTYPES) else f"type {number}"
    sizes, signature = tensor.numbers(0), tensor.numbers(7)
    if len(signature) == len(sizes):
        sizes = signature
    dims: tuple[Dim, ...] | None = tuple(None if size < 0 else size for size in sizes)
    if not dims and not tensor.scalar("<B", 8):
        dims = None  # what has no rank and what is a scalar are written alike, but for this field
    return TensorSpec(tensor.text(3), dtype, dims)


class _Reader:
    """Checked reads."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.size = len(data)
        self.count = 0

    def number(self, form: str, at: int) -> int:
        """A number of the given ``struct`` format at *at*."""
        if not 0 <= at <= self.size - struct.calcsize(form):
            raise _garbled(_RANGED)
        (found,) = struct.unpack_from(form, self.data, at)
        return int(found)


class _Table:
    """A table of a flatbuffer at *at*."""

    def __init__(self, reader: _Reader, at: int) -> None:
        reader.count += 1
        if reader.count > 8 * MOST:
            raise ModelError(f"has over {MOST} operators", code="E_SIZE")
        self._reader, self._at = reader, at
        self._fields = at - reader.number("<i", at)
        self._size = reader.number("<H", self._fields)

    def scalar(self, form: str, slot: int) -> int:
        """A number; 0 where it is absent."""
        at = self._field(slot)
        return self._reader.number(form, at) if at else 0

    def text(self, slot: int) -> str:
        """A string; empty where it is absent. What is no UTF-8 is kept as escapes."""
        start, length = self._vector(slot, 1)
        return self._reader.data[start : start + length].decode("utf-8", "backslashreplace")

    def numbers(self, slot: int) -> tuple[int, ...]:
        """A vector of int32."""
        start, length = self._vector(slot, 4)
        return struct.unpack_from(f"<{length}i", self._reader.data, start) if length else ()

    def tables(self, slot: int) -> Iterator[_Table]:
        """A vector of tables."""
        start, length = self._vector(slot, 4)
        if length > MOST:
            raise ModelError(f"has over {MOST} operators", code="E_SIZE")
        for at in range(start, start + 4 * length, 4):
            yield _Table(self._reader, at + self._reader.number("<I", at))

    def _field(self, slot: int) -> int:
        offset = 4 + 2 * slot
        if offset + 2 > self._size:
            return 0
        found = self._reader.number("<H", self._fields + offset)
        return self._at + found if found else 0

    def _vector(self, slot: int, width: int) -> tuple[int, int]:
        at = self._field(slot)
        if not at:
            return 0, 0
        start = at + self._reader.number("<I", at)
        length = self._reader.number("<I", start)
        if start + 4 + width * length > self._reader.size:
            raise _garbled(_RANGED)
        return start + 4, length


def _garbled(cause: str) -> ModelError:
    return ModelError(
        f"is truncated or no TensorFlow Lite file: {cause}",
        code="E_PARSE",
        remedy="convert the model again, or fetch the whole file",
    )
