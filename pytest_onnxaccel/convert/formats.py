"""What kind of source a file or folder is, found from its content. Standard library only, and nothing is loaded.

Runs in a worker: the directory of an archive may be large.

A suffix is only what someone called a file: ``.pt`` is a state dict, a TorchScript archive or an exported program.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from pytest_onnxaccel.core.errors import ConfigError, ModelError, printable
from pytest_onnxaccel.core.files.archives import opened_zip

ONNX = "onnx"
TORCH = "torch"
TORCHSCRIPT = "torchscript"
EXPORTED = "exported"
GRAPHDEF = "graphdef"
SAVED_MODEL = "saved_model"
CHECKPOINT = "checkpoint"
KERAS = "keras"
KERAS_H5 = "keras_h5"
TFLITE = "tflite"
#: Named by its owner, and no file.
FUNCTION = "function"

#: Every kind, with what it is called in messages.
KINDS = {
    ONNX: "an ONNX model",
    TORCH: "a pickle of PyTorch (a state dict or a whole module)",
    TORCHSCRIPT: "a TorchScript archive",
    EXPORTED: "an exported program of PyTorch",
    GRAPHDEF: "a frozen TensorFlow graph",
    SAVED_MODEL: "a TensorFlow SavedModel",
    CHECKPOINT: "a TensorFlow checkpoint's graph",
    KERAS: "a Keras file",
    KERAS_H5: "a Keras file in HDF5",
    TFLITE: "a TensorFlow Lite file",
    FUNCTION: "a function",
}

#: How people call the kinds that a conversion gives.
_CALLED = {"pb": GRAPHDEF, "frozen": GRAPHDEF, "savedmodel": SAVED_MODEL}

#: Kinds that are several files; ``path`` names the folder, or the one that the others lie beside.
SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")

_PICKLE_OF_OLD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # torch.save before 1.6: a magic number, pickled
_HDF5 = b"\x89HDF\r\n\x1a\n"
_LITE = b"TFL3"  # after the offset of the root table
_REMEDY = "give an .onnx, .pth, .pt, .pt2, .pb, .meta, .keras, .h5 or .tflite file, or a SavedModel's folder"
#: Top-level fields of a protobuf message that are looked at.
_FIELDS = 64


def kind_of(path: str) -> str:
    """Return the kind of the file or folder at *path*, which is a private copy.

    Raises:
        ModelError: ``E_NOTMODEL``: none that is known, with what it is instead.
    """
    if os.path.isdir(path):
        if any(os.path.isfile(os.path.join(path, name)) for name in SAVED_MODEL_FILES):
            return SAVED_MODEL
        raise _no_source("is a folder without a saved_model.pb")
    with open(path, "rb") as file:
        head = file.read(64)
        if not head:
            raise ModelError("is empty", code="E_NOTMODEL", remedy="export it again")
        if head[4:8] == _LITE:
            return TFLITE
        if head.startswith(b"PK\x03\x04"):
            return _zip_kind(file)
        if head.startswith(_PICKLE_OF_OLD):
            return TORCH
        if head.startswith(_HDF5):
            return KERAS_H5
        if head[:1] == b"\x80" and head[1:2] <= b"\x05":
            raise ModelError(
                "is a plain pickle, which runs code when it is loaded",
                code="E_UNSAFE",
                remedy="save the state dict with torch.save instead",
            )
        return _message_kind(file, head)


def kind_called(name: str) -> str:
    """Return the kind of a result that people call *name*.

    Raises:
        ConfigError: there is none, or nothing converts to it.
    """
    kind = _CALLED.get(name.lower(), name.lower())
    if kind not in (ONNX, GRAPHDEF, SAVED_MODEL):
        raise ConfigError(f"nothing converts to {name!r}", remedy="name onnx, pb or saved_model")
    return kind


def _no_source(cause: str) -> ModelError:
    return ModelError(cause, code="E_NOTMODEL", remedy=_REMEDY)


def _zip_kind(file: BinaryIO) -> str:
    try:
        with opened_zip(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        cause = f"is a broken zip archive: {printable(str(error), 100)}"
        raise ModelError(cause, code="E_PARSE", remedy="copy or export it again") from None
    # torch puts everything below one folder; Keras puts nothing below any
    inside = {name.partition("/")[2] for name in names}
    if {"metadata.json", "config.json"} <= set(names):
        return KERAS
    if "archive_format" in inside or "serialized_exported_program.json" in {*names, *inside}:
        return EXPORTED
    if "constants.pkl" in inside and any(name.startswith("code/") for name in inside):
        return TORCHSCRIPT
    if "data.pkl" in inside:
        return TORCH
    raise _no_source("is a zip archive of something else")


def _message_kind(file: BinaryIO, head: bytes) -> str:
    """Return the kind of a protobuf message, by the numbers and types of its first fields.

    ModelProto: 1 version (number), 7 graph. SavedModel: 1 version (number), 2 graphs. MetaGraphDef: 1 info,
    2 graph. GraphDef: 1 node (repeated), whose own first fields are two short texts, name and operator.
    """
    fields = list(_fields(file))
    kinds = {(number, wire) for number, wire, _ in fields}
    if (1, 0) in kinds and ((7, 2) in kinds or (8, 2) in kinds):
        return ONNX
    if fields and fields[0][:2] == (1, 0) and (2, 2) in kinds and len(kinds) == 2:
        raise _no_source("is the file of a SavedModel without its folder")
    if fields and fields[0][:2] == (1, 2):
        if _is_node(fields[0][2]):
            return GRAPHDEF
        if len(fields) > 1 and fields[1][:2] == (2, 2):
            return CHECKPOINT
    if head.lstrip().startswith((b"node {", b"saved_model_schema_version", b"meta_info_def")):
        raise _no_source("is a protobuf message as text")
    if (1, 0) in kinds:
        return ONNX  # or the start of one: who parses it says what is wrong
    raise _no_source("is not a source of a kind that is known")


def _fields(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Yield (number, wire type, first bytes) of the first top-level fields; stops at what is not a message."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    for _ in range(_FIELDS):
        tag = _varint(file)
        if tag is None or tag >> 3 == 0:
            return
        number, wire, start = tag >> 3, tag & 7, b""
        if wire == 2:
            length = _varint(file)
            if length is None or file.tell() + length > end:
                return
            after = file.tell() + length
            start = file.read(min(length, 512))
            file.seek(after)
        elif wire == 0:
            if _varint(file) is None:
                return
        elif wire in (1, 5):
            file.seek(8 if wire == 1 else 4, os.SEEK_CUR)
        else:
            return
        yield number, wire, start


def _varint(file: BinaryIO) -> int | None:
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None


def _is_node(start: bytes) -> bool:
    """Return whether *start* begins as a NodeDef: field 1 (name), then field 2 (operator), short plain texts."""
    texts: list[bytes] = []
    rest = start
    for tag in (0x0A, 0x12):
        if len(rest) < 2 or rest[0] != tag or rest[1] >= 0x80:
            if texts or len(rest) < 3 or rest[0] != tag:
                return False
            size, rest = (rest[1] & 0x7F) | rest[2] << 7, rest[3:]  # a name of 128 characters and more
        else:
            size, rest = rest[1], rest[2:]
        texts.append(rest[:size])
        rest = rest[size:]
    return bool(texts[1]) and all(text.isascii() and text.decode("ascii").isprintable() for text in texts)
