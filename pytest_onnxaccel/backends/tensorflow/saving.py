"""The operators that save and restore: tolerated where they are the checkpoint's own, and nothing else runs them.

A loader feeds the checkpoint's name to the saver's own tensor and runs its restoring operation; nothing runs the
saving one. So a Save is tolerated where nothing that is run leads to it, and a Restore where the name of its file is
that tensor, or where nothing runs it either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pytest_onnxaccel.backends.tensorflow.graph_files import MetaGraph
from pytest_onnxaccel.backends.tensorflow.nodes import Graph, Node
from pytest_onnxaccel.backends.tensorflow.tensor_names import NO_OUTPUT

SAVES = ("Save", "SaveV2", "SaveSlices", "MergeV2Checkpoints")
RESTORES = ("Restore", "RestoreV2", "RestoreSlice")

#: What the name of the checkpoint may pass through on its way to a Restore.
_PASSES = ("Identity", "PlaceholderWithDefault")

#: What hands a variable or a table to the function that restores it.
_HANDLES = (
    "VarHandleOp", "HashTableV2", "MutableHashTableV2", "MutableDenseHashTableV2", "MutableHashTableOfTensorsV2",
    "AnonymousHashTable", "AnonymousMutableHashTable", "AnonymousMutableDenseHashTable", "Placeholder",
)  # fmt: skip

#: What is read when the variables of a graph become constants: these, or the operation of that name.
_VARIABLES, _READ = ("Variable", "VariableV2", "VarHandleOp"), "/Read/ReadVariableOp"


def strays(meta: MetaGraph, run: Iterable[str] = ()) -> Iterator[tuple[Node, bool]]:
    """Yield operators of *meta* that save, or restore another file than the checkpoint, when it is loaded and run.

    Args:
        meta: the parsed meta graph.
        run: tensors that are computed beyond what a loader and the signatures compute.

    Yields:
        The node, and whether something else than the restoring operation runs it.
    """
    suspects = [node for node in meta.graph.all_nodes() if node.op in SAVES or node.op in RESTORES]
    if not suspects:
        return
    signed = [name for names in meta.signatures.values() for name in names]
    frozen = [node.name for node in meta.graph.nodes if node.op in _VARIABLES or node.name.endswith(_READ)]
    served = _reached(meta.graph, [*meta.initializers, *signed, *frozen, *run])
    restoring = _reached(meta.graph, [meta.saver.restore])
    sole = {node.name: node for node in meta.graph.nodes}
    for node in suspects:
        key = (node.function, node.name)
        if key in served or (node.op in SAVES and key in restoring):
            yield node, True
        elif key in restoring and not _own_name(node, meta, sole):
            yield node, False


def _own_name(node: Node, meta: MetaGraph, nodes: Mapping[str, Node]) -> bool:
    """Return whether the file that Restore *node* reads is the one that the loader names."""
    filename = _tensor(meta.saver.filename)
    if not node.function:
        return _leads_to(node.inputs[:1], nodes, filename) == filename != ""
    body = {inner.name: inner for inner in meta.graph.functions[node.function]}
    argument = _leads_to(node.inputs[:1], body)
    if not argument or operation(argument) in body:
        return False
    # TensorFlow 2 restores in a function of the file's name and of the variables, which the graph itself calls
    callers = [caller for caller in meta.graph.all_nodes() if node.function in set(_called(caller, meta.graph))]
    return all(
        not caller.function
        and all(
            _tensor(name) == filename or nodes[operation(name)].op in _HANDLES
            for name in caller.inputs
            if operation(name) in nodes
        )
        for caller in callers
    )


def _leads_to(inputs: tuple[str, ...], nodes: Mapping[str, Node], end: str = "") -> str:
    """Return the tensor whose unchanged value the first of *inputs* is, *end* at the latest; else empty."""
    name = _tensor(inputs[0]) if inputs else ""
    for _ in range(len(nodes) + 1):
        found = nodes.get(operation(name))
        if found is None or name == end:
            return name
        if found.op not in _PASSES or not found.inputs:
            return ""
        name = _tensor(found.inputs[0])
    return ""


def _reached(graph: Graph, roots: Iterable[str]) -> set[tuple[str, str]]:
    """Return (function, node) of all that *roots* run: their inputs, and every node of the functions called."""
    nodes: dict[str, list[Node]] = {}
    for node in graph.nodes:
        nodes.setdefault(node.name, []).append(node)
    found: set[tuple[str, str]] = set()
    functions: set[str] = set()
    waiting = [operation(name) for name in roots if name]
    calls: list[str] = []
    while waiting:
        name = waiting.pop()
        if ("", name) in found:
            continue
        found.add(("", name))
        for node in nodes.get(name, ()):
            waiting += [operation(item) for item in node.inputs]
            calls += _called(node, graph)
    while calls:
        name = calls.pop()
        if name in functions:
            continue
        functions.add(name)
        for node in graph.functions.get(name, ()):
            found.add((name, node.name))
            calls += _called(node, graph)
    return found


def _called(node: Node, graph: Graph) -> Iterator[str]:
    """Yield functions that *node* calls, and those that may stand in for them."""
    waiting, seen = [*node.calls(), *([node.op] if node.op in graph.functions else [])], set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            yield name
            waiting += graph.stand_ins.get(name, ())


def operation(tensor: str) -> str:
    """Return ``scope/op`` of ``^scope/op``, ``scope/op:1`` or ``op:output:0``."""
    return tensor.removeprefix("^").partition(":")[0]


def _tensor(name: str) -> str:
    """Return *name* with the number of the output, which may be left out for the first.

    An operation can have several.
    """
    return name if not name or ":" in name or name.startswith("^") else f"{name}:0"


def ends(graph: Graph) -> list[str]:
    """Return the ends that are run where nobody names outputs; see :func:`.tensorflow_names.ends`."""
    taken = {operation(name) for node in graph.nodes for name in node.inputs if not name.startswith("^")}
    saves = {node.name for node in graph.nodes if node.op in SAVES}
    return [
        node.name
        for node in graph.nodes
        if node.name not in taken
        and node.op not in NO_OUTPUT
        and not any(operation(name) in saves for name in node.inputs if name.startswith("^"))
    ]
