"""TensorFlow Lite files as they are on disk, read without TensorFlow and refused where they need code of others.

Slots of fields are those of TensorFlow's ``schema.fbs``, version 3, whose slots never change. Every offset is checked
against the file before it is followed.
"""

from __future__ import annotations

import mmap
import os
import stat

from pytest_onnxaccel.backends.tensorflow.lite.flatbuffer import Reader, Table, garbled
from pytest_onnxaccel.backends.tensorflow.lite.scan import refuse_elsewhere, refuse_operators
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import Dim, TensorSpec

#: Offsets of a flatbuffer are signed 32-bit numbers in TensorFlow Lite's own library.
LARGEST = 2 << 30

#: ``TensorType``, by its number.
_DTYPES = (
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64",
    "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4",
)  # fmt: skip


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
    """Open the TensorFlow Lite file at *path*.

    Raises:
        ModelError: ``E_UNSAFE``: an operator whose code is not TensorFlow Lite's own, with its node; ``E_FILE``,
            ``E_SIZE``, ``E_PARSE``.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb"):
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise ModelError("is not a regular file", code="E_FILE")
            if found.st_size > LARGEST:
                raise ModelError("is over 2 GiB, which no TensorFlow Lite file can be", code="E_SIZE")
            if found.st_size < 8:
                raise garbled("it is too short")
            # Weights are most of the file, and none of them is looked at
            with mmap.mmap(handle, 0, access=mmap.ACCESS_READ) as data:
                return _model(data)
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", code="E_FILE") from None


def _model(data: mmap.mmap) -> LiteModel:
    if data[4:8] != b"TFL3":
        raise garbled("it does not begin as one")
    reader = Reader(data)
    root = Table(reader, reader.number("<I", 0))
    subgraphs = list(root.tables(2))
    if not subgraphs:
        raise garbled("it holds no graph")
    refuse_operators(root, subgraphs)
    refuse_elsewhere(root, subgraphs, len(data))
    main = subgraphs[0]
    tensors = [LiteTensor(index, _spec(tensor)) for index, tensor in enumerate(main.tables(0))]

    def at(index: int) -> LiteTensor:
        if not 0 <= index < len(tensors):
            raise garbled("it names a tensor that it lacks")
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


def _spec(tensor: Table) -> TensorSpec:
    number = tensor.scalar("<b", 1)
    dtype = _DTYPES[number] if 0 <= number < len(_DTYPES) else f"type {number}"
    sizes, signature = tensor.numbers(0), tensor.numbers(7)
    if len(signature) == len(sizes):
        sizes = signature
    dims: tuple[Dim, ...] | None = tuple(None if size < 0 else size for size in sizes)
    if not dims and not tensor.scalar("<B", 8):
        dims = None  # what has no rank and what is a scalar are written alike, but for this field
    return TensorSpec(tensor.text(3), dtype, dims)
