"""TensorFlow graphs that read or write files, reach hosts or run Python, from everywhere that an operator may stand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from suites.hostile import tensorflow_files as files
from suites.hostile.case import OK, Case, Entry, Place
from suites.hostile.tensorflow_files import (
    FLOAT,
    Node,
    constant,
    data_set,
    from_text,
    kind,
    node,
    placeholder,
    plain,
    writes,
)
from suites.unit import graph_bytes as wire
from suites.unit.graph_bytes import field, text

_UNSAFE = "E_UNSAFE"


def _named(operator: str, *inputs: str, **attributes: bytes) -> Callable[[str], list[Node]]:
    """One node of *operator*, with the canary's path at hand as ``name`` and a text as ``content``."""
    return lambda path: [
        constant("name", path.encode()),
        constant("content", b"written\n"),
        node("bad", operator, *inputs, **attributes),
    ]


#: Operators that no model needs, one of each kind; the last node is ``bad``.
_OPERATORS: dict[str, Callable[[str], list[Node]]] = {
    "write-file": _named("WriteFile", "name", "content"),
    "read-file": _named("ReadFile", "name"),
    "matching-files": _named("MatchingFiles", "name"),
    "print-to-file": lambda path: [
        constant("content", b"written\n"),
        node("bad", "PrintV2", "content", output_stream=text(f"file://{path}"), end=text("")),
    ],
    "save": _named("SaveV2", "name", "content", "content", "zero"),
    "merge-checkpoints": _named("MergeV2Checkpoints", "name", "name"),
    "restore": _named("RestoreV2", "name", "content", "content"),
    "text-lines": _named("TextLineDataset", "name", "content", "content"),
    "records": _named("TFRecordDataset", "name", "content", "content"),
    "vocabulary": _named("InitializeTableFromTextFileV2", "name", "name", vocab_size=field(3, 1)),
    "python": _named("PyFunc", "x", token=text("pyfunc_0")),
    "python-eager": _named("EagerPyFunc", "x", token=text("pyfunc_0")),
    "python-stateless": _named("PyFuncStateless", "x", token=text("pyfunc_0")),
    "summary": _named("CreateSummaryFileWriter", "name", "name", "name", "name", "name"),
    "data-service": _named("DataServiceDatasetV4", "name"),
    "rpc": _named("RpcCall", "name"),
    "debug": _named("DebugIdentityV3", "x", debug_urls=field(1, field(2, "file:///never"))),
    "dump": _named("DumpTensor", "x"),
    "immutable": _named("ImmutableConst", memory_region_name=text("/etc/hostname"), dtype=kind(FLOAT)),
    "wave": _named("DecodeVideo", "content"),
    "load-library": _named("LoadLibrary", "name"),
    "remote-call": _named("RemoteCall", "name", "x", f=wire.call("F")),
    "snapshot": _named("SnapshotDatasetV2", "name", "name"),
    "big-table": _named("BigtableClient", project_id=text("p")),
    "unknown": _named("NobodyKnows", "x"),
    "stateful-random-file": _named("RecordInput", file_pattern=text("/etc/*")),
}


def _after(make: Callable[[str], list[Node]]) -> Callable[[str], bytes]:
    return lambda path: plain(*make(path), after=["bad"])


def _unused(path: str) -> bytes:
    """No node asks for the one that writes."""
    return plain(*writes(path))


def _function(levels: int) -> Callable[[str], bytes]:
    """A function writes, *levels* calls away from the graph."""

    def make(path: str) -> bytes:
        functions = {f"F{k}": [node("next", f"F{k + 1}")] for k in range(levels)}
        functions[f"F{levels}"] = writes(path, inside=True)
        return plain(node("called", "F0"), functions=functions, after=["called"])

    return make


def _by_attribute(operator: str, attribute: bytes, name: str = "f") -> Callable[[str], bytes]:
    """A function that an attribute names writes."""

    def make(path: str) -> bytes:
        called = node("called", operator, "x", **{name: attribute})
        return plain(called, functions={"F": writes(path, inside=True), "G": [node("n", "NoOp")]}, after=["called"])

    return make


def _uncalled(path: str) -> bytes:
    """The library has a function that writes, and nothing calls it."""
    return plain(functions={"F": writes(path, inside=True)})


def _in_text(path: str) -> bytes:
    return from_text(data_set(*writes(path), after=["write"]))


def _in_text_twice(path: str) -> bytes:
    """A graph in a text in a graph in a text."""
    inner = data_set(*writes(path), after=["write"])
    outer = data_set(constant("text", inner), node("inner", "DatasetFromGraph", "text"), after=["inner"])
    return from_text(outer)


def _in_text_of_function(path: str) -> bytes:
    """The text is a constant in a function, and the operator that runs it stands there too."""
    inner = data_set(*writes(path), after=["write"])
    body = [constant("text", inner), node("set", "DatasetFromGraph", "text:output:0")]
    return plain(node("called", "F"), functions={"F": body}, after=["called"])


def _in_function_of_text(path: str) -> bytes:
    """The graph in the text calls a function of its own library."""
    return from_text(data_set(node("called", "F"), after=["called"], functions={"F": writes(path, inside=True)}))


def _in_joined_text(path: str) -> bytes:
    """The text of the graph comes of two halves."""
    inner = data_set(*writes(path), after=["write"])
    joined = [
        constant("head", inner[:50]), constant("tail", inner[50:]),
        node("text", "StringJoin", "head", "tail", N=field(3, 2)), node("set", "DatasetFromGraph", "text"),
    ]  # fmt: skip
    return plain(*joined, after=["set"])


def _deep(levels: int) -> bytes:
    """Texts in texts, deeper than anybody needs."""
    inner = data_set()
    for _ in range(levels):
        inner = data_set(constant("text", inner), node("inner", "DatasetFromGraph", "text"), after=["inner"])
    return from_text(inner)


def _graph(name: str, make: Callable[[str], bytes], *codes: str) -> Case:
    return Case(name, lambda place: files.as_graph(place, make(str(place.canary))), frozenset(codes))


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


def _saved_models() -> Iterator[Case]:
    safe = lambda path: wire.saved_model(_meta(plain()))  # noqa: E731
    yield _saved("saved-model", safe)
    yield _saved("saved-writes", lambda path: wire.saved_model(_meta(plain(*writes(path), after=["write"]))), _UNSAFE)
    yield _saved("saved-unused", lambda path: wire.saved_model(_meta(_unused(path))), _UNSAFE)
    yield _saved("saved-library", lambda path: wire.saved_model(_meta(_uncalled(path))), _UNSAFE)
    yield _saved("saved-function", lambda path: wire.saved_model(_meta(_function(3)(path))), _UNSAFE)
    yield _saved("saved-text", lambda path: wire.saved_model(_meta(_in_text(path))), _UNSAFE)
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


def cases() -> Iterator[Case]:
    """Operators, functions, texts and SavedModels; refused before TensorFlow is imported."""
    yield _graph("frozen", lambda path: plain())
    yield _graph("frozen-with-a-name", lambda path: plain(node("WriteFile", "Identity", "x", T=kind(FLOAT))))
    yield _graph("frozen-with-a-text", lambda path: plain(constant("text", b"WriteFile ReadFile PyFunc")))
    for name, make in _OPERATORS.items():
        yield _graph(f"graph-{name}", _after(make), _UNSAFE)
    yield _graph("graph-unnamed", _after(_named("", "x")), _UNSAFE, "E_PARSE")
    yield _graph("graph-unused", _unused, _UNSAFE)
    for levels in (0, 1, 20):
        yield _graph(f"graph-function-{levels}", _function(levels), _UNSAFE)
    yield _graph("graph-library", _uncalled, _UNSAFE)
    for operator in ("PartitionedCall", "StatefulPartitionedCall", "MapDefun", "SymbolicGradient"):
        yield _graph(f"graph-by-{operator}", _by_attribute(operator, wire.call("F")), _UNSAFE)
    for operator in ("If", "StatelessIf", "While"):
        make = _by_attribute(operator, wire.call("F"), "cond" if operator == "While" else "then_branch")
        yield _graph(f"graph-by-{operator}", make, _UNSAFE)
    yield _graph("graph-by-Case", _by_attribute("Case", wire.calls("G", "F"), "branches"), _UNSAFE)
    yield _graph("graph-in-text", _in_text, _UNSAFE)
    yield _graph("graph-in-text-twice", _in_text_twice, _UNSAFE)
    yield _graph("graph-in-text-of-function", _in_text_of_function, _UNSAFE)
    yield _graph("graph-in-function-of-text", _in_function_of_text, _UNSAFE)
    yield _graph("graph-in-joined-text", _in_joined_text, _UNSAFE)
    yield _graph("graph-in-texts-of-forty", lambda path: _deep(40), _UNSAFE, "E_SIZE", "E_PARSE", "E_RUN")
    yield _graph("graph-garbage-text", lambda path: from_text(b"\xff" * 40), _UNSAFE, "E_PARSE", "E_RUN")
    yield _graph("graph-cut", lambda path: plain()[:-25], "E_PARSE", "E_NOTMODEL", "E_GRAPH")
    yield _graph("graph-cycle", _cycle, "E_PARSE", "E_GRAPH", "E_RUN", "E_INPUT", "E_CONVERT")
    yield from _saved_models()


def _cycle(path: str) -> bytes:
    loose = node("y", "AddV2", "x", "y", T=kind(FLOAT))
    return files.versioned(wire.graph([placeholder("x"), loose]))
