"""SavedModels that write files while they are loaded or run, and folders that hold what is not part of one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from suites.hostile.case import OK, Case, Entry, Place
from suites.hostile.tensorflow import files
from suites.hostile.tensorflow.files import FLOAT, plain, writes
from suites.hostile.tensorflow.graphs import function, in_text, uncalled, unused
from suites.unit import graph_bytes as wire
from suites.unit.graph_bytes import field

_UNSAFE = "E_UNSAFE"


def _saved(name: str, make: Callable[[str], bytes], *codes: str, extra: Callable[[Path], object] | None = None) -> Case:
    """A SavedModel's folder whose ``saved_model.pb`` is what *make* gives."""

    def build(place: Place) -> Entry:
        folder = place.folder / "saved"
        (folder / "variables").mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(make(str(place.canary)))
        if extra is not None:
            extra(folder)
        return Entry(files.onnx_model(place), folder)

    return Case(name, build, frozenset(codes))


def _signature() -> bytes:
    """The signature from ``x`` to ``y``."""

    def tensor(name: str) -> bytes:
        return field(1, f"{name}:0") + field(2, FLOAT) + field(3, files.shape(1, 4))

    content = field(1, wire.entry("x", tensor("x"))) + field(2, wire.entry("y", tensor("y")))
    return field(5, wire.entry("serving_default", content + field(3, "tensorflow/serving/predict")))


def _meta(graph_def: bytes, *more: bytes, tag: str = "serve") -> bytes:
    return field(1, field(4, tag) + field(5, "2.21.0")) + field(2, graph_def) + b"".join(more) + _signature()


def _initialised(key: str) -> Callable[[str], bytes]:
    """A node that writes is run when the SavedModel is loaded."""

    def make(path: str) -> bytes:
        collection = field(4, wire.entry(key, field(1, field(1, "write"))))
        return wire.saved_model(_meta(plain(*writes(path)), collection))

    return make


def _initialised_by_signature(path: str) -> bytes:
    """The signature that is run when the SavedModel is loaded writes."""
    write = field(5, wire.entry("__saved_model_init_op", field(2, wire.entry("op", field(1, "write:0")))))
    return wire.saved_model(_meta(plain(*writes(path)), write))


def _second(path: str) -> bytes:
    """The second graph of the SavedModel writes."""
    return wire.saved_model(_meta(plain()), _meta(plain(*writes(path)), tag="train"))


def _asset(path: str) -> bytes:
    """An asset lies outside the folder."""
    definition = field(1, field(1, "x:0")) + field(2, "../../../secret.bin")
    return wire.saved_model(_meta(plain(), field(6, definition)))


def _saver(path: str) -> bytes:
    """What is said to restore the variables is a node that writes."""
    definition = field(1, "name:0") + field(2, "write") + field(3, "write")
    return wire.saved_model(_meta(plain(*writes(path)), field(3, definition)))


def cases() -> Iterator[Case]:
    """Where a graph may lie in one, and what may lie beside it; refused before TensorFlow is imported."""
    safe = lambda path: wire.saved_model(_meta(plain()))  # noqa: E731
    yield _saved("saved-model", safe)
    yield _saved("saved-writes", lambda path: wire.saved_model(_meta(plain(*writes(path), after=["write"]))), _UNSAFE)
    yield _saved("saved-unused", lambda path: wire.saved_model(_meta(unused(path))), _UNSAFE)
    yield _saved("saved-library", lambda path: wire.saved_model(_meta(uncalled(path))), _UNSAFE)
    yield _saved("saved-function", lambda path: wire.saved_model(_meta(function(3)(path))), _UNSAFE)
    yield _saved("saved-text", lambda path: wire.saved_model(_meta(in_text(path))), _UNSAFE)
    for key in ("saved_model_main_op", "legacy_init_op", "saved_model_init_op"):
        yield _saved(f"saved-{key.replace('_', '-')}", _initialised(key), _UNSAFE)
    yield _saved("saved-init-signature", _initialised_by_signature, _UNSAFE)
    yield _saved("saved-second-graph", _second, _UNSAFE)
    yield _saved("saved-saver", _saver, _UNSAFE)
    yield _saved("saved-asset-outside", _asset, _UNSAFE, "E_PARSE", "E_EXTERNAL", OK)  # which nobody reads
    links = {
        "link-out": lambda folder: os.symlink("/etc/hostname", folder / "variables/variables.index"),
        "link-of-folder": lambda folder: os.symlink("/etc", folder / "assets"),
    }
    for name, make in links.items():
        yield _saved(f"saved-{name}", safe, _UNSAFE, "E_EXTERNAL", "E_FILE", extra=make)
    yield _saved("saved-fifo", safe, "E_FILE", extra=lambda folder: os.mkfifo(folder / "variables/variables.index"))
    yield _saved("saved-fingerprint", safe, extra=lambda folder: (folder / "notes.txt").write_text("no model\n"))
    yield _saved("saved-garbage", lambda path: b"\xff" * 400, "E_PARSE", "E_NOTMODEL")
    yield _saved("saved-empty", lambda path: b"", "E_PARSE", "E_NOTMODEL")
    yield _saved("saved-cut", lambda path: safe(path)[:-30], "E_PARSE", "E_NOTMODEL")
