"""Files that are something else, or a part of a model."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import random
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from fixtures import graphs as models
from fixtures import hazards
from suites.hostile.case import Case, Entry, of_bytes
from suites.hostile.onnx_files.graphs import data
from suites.unit import graph_bytes

#: What a file that holds no whole model may be called.
_EITHER = ("E_NOTMODEL", "E_PARSE")


def _by(write: Callable[[Path], Path], name: str, *codes: str) -> Case:
    return Case(name, lambda place: Entry(write(place.folder / "net.onnx")), frozenset(codes))


def _tar() -> bytes:
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.onnx"))
    return found.getvalue()


def _cut(whole: bytes) -> Iterator[Case]:
    for share in (1, 5, 25, 50, 75, 90, 99):
        kept = whole[: max(1, len(whole) * share // 100)]
        # A cut between two fields leaves a message that parses and lacks something
        yield of_bytes(f"cut-at-{share}-percent", kept, "E_PARSE", "E_SCHEMA", "E_GRAPH")
    for lost in (1, 2, 3):
        yield of_bytes(f"cut-of-{lost}-bytes", whole[:-lost], "E_PARSE", "E_SCHEMA")


def cases() -> Iterator[Case]:
    """Every kind that people, servers and tools leave in place of a model."""
    whole = data(models.mlp())
    yield of_bytes("whole", whole)
    yield of_bytes("after-empty-fields", b"\x1a\x00" + whole)  # an empty producer, which the true one replaces
    for name in ("empty", "lfs_pointer", "html", "zip_file"):
        yield _by(getattr(hazards, name), name.replace("_", "-"), "E_NOTMODEL")
    pointer = b"version https://git-lfs.github.com/spec/v1\r\noid sha256:00\r\nsize 9\r\n"
    foreign = {
        "lfs-of-windows": b"\xef\xbb\xbf" + pointer,
        "html-indented": b"\n\n   <!DOCTYPE HTML PUBLIC>\n<HTML></HTML>\n",
        "html-marked": b"\xef\xbb\xbf<html lang=en></html>",
        "gzip": gzip.compress(whole, mtime=0),
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(2000),
    }
    for name, content in foreign.items():
        yield of_bytes(name, content, "E_NOTMODEL")
    other = {
        "blank": b" \n" * 40,
        "bzip2": bz2.compress(whole),
        "xz": lzma.compress(whole),
        "tar": _tar(),
        "pickle": pickle.dumps({"weights": [0.5]}, 4),
        "png": b"\x89PNG\r\n\x1a\n" + bytes(64),
        "elf": b"\x7fELF\x02\x01\x01" + bytes(64),
        "json": json.dumps({"irVersion": "8", "graph": {}}).encode(),
        "as-text": b'ir_version: 8\ngraph {\n  node { op_type: "Relu" }\n}\n',
        "xml": b'<?xml version="1.0"?><net name="m" version="11"></net>',
        "script": b"#!/bin/sh\nexit 1\n",
        "utf16": "ir_version: 8".encode("utf-16"),
        "zeros": bytes(4096),
        "ones": b"\xff" * 4096,
        "tflite": b"\x1c\0\0\0TFL3" + bytes(64),
        "empty-zip": b"PK\x05\x06" + bytes(18),
        "graphdef": graph_bytes.graph([graph_bytes.node("x", "Placeholder"), graph_bytes.node("y", "Relu", "x")]),
        "saved-model": graph_bytes.saved_model(graph_bytes.meta_graph(graph_bytes.graph([]))),
        "shifted": b"\x00" + whole,
        "doubled-length": whole[:40] + whole[:40] + whole[40:],
    }
    for name, content in other.items():
        yield of_bytes(name, content, *_EITHER, "E_SCHEMA", "E_GRAPH")
    for seed in range(3):
        yield of_bytes(f"random-{seed}", b"\xff" + random.Random(seed).randbytes(4000), "E_PARSE")
    yield of_bytes("reversed", whole[::-1], "E_PARSE")
    yield from _cut(whole)
