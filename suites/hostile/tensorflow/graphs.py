"""TensorFlow graphs that read or write files, reach hosts or run Python, from everywhere that an operator may stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from suites.hostile.case import Case
from suites.hostile.tensorflow import files
from suites.hostile.tensorflow.files import (
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


def unused(path: str) -> bytes:
    """No node asks for the one that writes."""
    return plain(*writes(path))


def function(levels: int) -> Callable[[str], bytes]:
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


def uncalled(path: str) -> bytes:
    """The library has a function that writes, and nothing calls it."""
    return plain(functions={"F": writes(path, inside=True)})


def in_text(path: str) -> bytes:
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


def cases() -> Iterator[Case]:
    """Operators, functions and texts; refused before TensorFlow is imported."""
    yield _graph("frozen", lambda path: plain())
    yield _graph("frozen-with-a-name", lambda path: plain(node("WriteFile", "Identity", "x", T=kind(FLOAT))))
    yield _graph("frozen-with-a-text", lambda path: plain(constant("text", b"WriteFile ReadFile PyFunc")))
    for name, make in _OPERATORS.items():
        yield _graph(f"graph-{name}", _after(make), _UNSAFE)
    yield _graph("graph-unnamed", _after(_named("", "x")), _UNSAFE, "E_PARSE")
    yield _graph("graph-unused", unused, _UNSAFE)
    for levels in (0, 1, 20):
        yield _graph(f"graph-function-{levels}", function(levels), _UNSAFE)
    yield _graph("graph-library", uncalled, _UNSAFE)
    for operator in ("PartitionedCall", "StatefulPartitionedCall", "MapDefun", "SymbolicGradient"):
        yield _graph(f"graph-by-{operator}", _by_attribute(operator, wire.call("F")), _UNSAFE)
    for operator in ("If", "StatelessIf", "While"):
        make = _by_attribute(operator, wire.call("F"), "cond" if operator == "While" else "then_branch")
        yield _graph(f"graph-by-{operator}", make, _UNSAFE)
    yield _graph("graph-by-Case", _by_attribute("Case", wire.calls("G", "F"), "branches"), _UNSAFE)
    yield _graph("graph-in-text", in_text, _UNSAFE)
    yield _graph("graph-in-text-twice", _in_text_twice, _UNSAFE)
    yield _graph("graph-in-text-of-function", _in_text_of_function, _UNSAFE)
    yield _graph("graph-in-function-of-text", _in_function_of_text, _UNSAFE)
    yield _graph("graph-in-joined-text", _in_joined_text, _UNSAFE)
    yield _graph("graph-in-texts-of-forty", lambda path: _deep(40), _UNSAFE, "E_SIZE", "E_PARSE", "E_RUN")
    yield _graph("graph-garbage-text", lambda path: from_text(b"\xff" * 40), _UNSAFE, "E_PARSE", "E_RUN")
    yield _graph("graph-cut", lambda path: plain()[:-25], "E_PARSE", "E_NOTMODEL", "E_GRAPH")
    yield _graph("graph-cycle", _cycle, "E_PARSE", "E_GRAPH", "E_RUN", "E_INPUT", "E_CONVERT")


def _cycle(path: str) -> bytes:
    loose = node("y", "AddV2", "x", "y", T=kind(FLOAT))
    return files.versioned(wire.graph([placeholder("x"), loose]))
