"""Which TensorFlow graphs must not be loaded: those that hold an operator which may do more than compute on tensors.

Looks at the parsed file alone; TensorFlow has not been imported yet. Every node counts, wherever it is: the graph, the
functions of its library, what initialises it, and graphs in its texts. The one exception are the operations that save
and restore the checkpoint's own variables.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping

from pytest_onnxaccel.backends.tensorflow.graph_files import MetaGraph
from pytest_onnxaccel.backends.tensorflow.messages import DEEPEST, graphs_in, is_certain, texts_of
from pytest_onnxaccel.backends.tensorflow.nodes import Graph, Node
from pytest_onnxaccel.backends.tensorflow.safety.allowed import ALLOWED
from pytest_onnxaccel.backends.tensorflow.safety.refused import READS, REFUSED, TRUSTABLE, WRITES
from pytest_onnxaccel.backends.tensorflow.saving import RESTORES, SAVES, strays
from pytest_onnxaccel.core.errors import ModelError, printable

#: Operators that are harmless but for one attribute: the values that it may have, and what another one does.
CONDITIONAL: Mapping[str, tuple[str, frozenset[str], str]] = {
    "PrintV2": (
        "output_stream",
        frozenset({"", "stderr", "stdout", "log(info)", "log(warning)", "log(error)"}),
        WRITES,
    ),
    "EncodeProto": ("descriptor_source", frozenset({"", "local://"}), READS),
    "DecodeProtoV2": ("descriptor_source", frozenset({"", "local://"}), READS),
    "FixedUnigramCandidateSampler": ("vocab_file", frozenset({""}), READS),
}

#: What TF-TRT leaves in a graph.
TENSORRT = (
    "TRTEngineOp",
    "CreateTRTResourceHandle",
    "InitializeTRTResource",
    "SerializeTRTResource",
    "GetCalibrationDataOp",
)

#: How the owner of a model names an operator to be trusted.
TRUST = "tensorflow:"
_UNKNOWN = "is not on the list of operators that only compute"
_LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:>[A-Za-z_][A-Za-z0-9_]*)*")
#: No operator whose name differs from one of these in nothing but case is offered to be trusted.
_ALIKE = frozenset(name.casefold() for name in (*REFUSED, *CONDITIONAL, *SAVES, *RESTORES, *TENSORRT))


def refuse_graph(graph: Graph, trusted: Collection[str] = ()) -> None:
    """Refuse a frozen graph, which has no variables, so that nothing in it may save or restore any.

    Args:
        graph: the parsed graph.
        trusted: operators that the owner of the model allows, as ``tensorflow:MyOp``.

    Raises:
        ModelError: ``E_UNSAFE`` naming the operator and its node, or ``E_SCHEMA`` for one that TF-TRT has converted.
    """
    _refuse_nodes(graph, trusted)
    for node in graph.all_nodes():
        if node.op in SAVES or node.op in RESTORES:
            raise _unsafe(node, WRITES if node.op in SAVES else READS)


def refuse_meta_graphs(graphs: Iterable[MetaGraph], trusted: Collection[str] = (), run: Collection[str] = ()) -> None:
    """Refuse a SavedModel's or a checkpoint's graphs; see :mod:`.tensorflow_saving` for what may save and restore.

    Args:
        graphs: the parsed meta graphs.
        trusted: as for :func:`refuse_graph`.
        run: tensors that are computed beyond what the signatures give.

    Raises:
        ModelError: as :func:`refuse_graph`.
    """
    for meta in graphs:
        _refuse_nodes(meta.graph, trusted)
        refuse_strays(meta, run)


def refuse_strays(meta: MetaGraph, run: Collection[str] = ()) -> None:
    """Refuse *meta* where what is run of it saves, or restores what is not the checkpoint.

    Raises:
        ModelError: ``E_UNSAFE``.
    """
    for node, served in strays(meta, run):
        if not served:
            raise _unsafe(node, "reads a file that is not the checkpoint")
        raise _unsafe(node, WRITES if node.op in SAVES else READS)


def _refuse_nodes(graph: Graph, trusted: Collection[str]) -> None:
    for node in graph.all_nodes():
        # Before the rest: its files are engines, and what to do about them is another thing
        if node.op in TENSORRT:
            raise ModelError(
                f"was converted by TF-TRT: {_named(node)} holds an engine of TensorRT, which runs only on the kind of "
                "GPU and with the release of TensorRT that built it, in a TensorFlow built with TensorRT",
                code="E_SCHEMA",
                remedy="give the SavedModel that TF-TRT was given",
            )
    for node in graph.all_nodes():
        why = _why(node, graph, trusted)
        if why is not None:
            raise _unsafe(node, why)
        called = next((name for name in node.calls() if name in REFUSED and name not in graph.functions), None)
        if called is not None:
            raise _unsafe(node, f"calls {called}, which {REFUSED[called]}")
    for text, origin in _texts(graph):
        _refuse_text(text, origin, trusted, 1)


def _why(node: Node, graph: Graph, trusted: Collection[str]) -> str | None:
    """Return why *node* must not be loaded; None where it may."""
    op = node.op
    reason = REFUSED.get(op)
    if reason is None and op in CONDITIONAL:
        attribute, harmless, otherwise = CONDITIONAL[op]
        return None if node.text(attribute) in harmless else otherwise
    if reason is None:
        if op in ALLOWED or op in SAVES or op in RESTORES or op in graph.functions:
            return None
        reason = _UNKNOWN
    return None if TRUST + op in trusted and _is_trustable(op, reason) else reason


def _is_trustable(op: str, reason: str) -> bool:
    """Return whether the owner may allow *op*.

    Never what is known to do harm, nor a name that only looks like another.
    """
    known = reason in TRUSTABLE or (reason == _UNKNOWN and op.casefold() not in _ALIKE)
    return known and len(op) <= 60 and _LEGAL.fullmatch(op) is not None


def _texts(graph: Graph) -> Iterator[tuple[memoryview, Node | str]]:
    """Yield every text among the attributes of *graph*, and where it is: a node, or a function of that name."""
    for node in graph.all_nodes():
        for value in node.attributes.values():
            for text in texts_of(value):
                yield text, node
    for function, value in graph.attributes:
        for text in texts_of(value):
            yield text, function


def _refuse_text(text: memoryview, origin: Node | str, trusted: Collection[str], depth: int) -> None:
    graphs = list(graphs_in(text))
    if graphs and depth > DEEPEST:
        raise _refused(f"holds graphs in texts of graphs, over {DEEPEST} deep, in {_named(origin)}")
    # One text can be read as messages of two kinds, with the same texts in both
    inner: dict[bytes, memoryview] = {}
    for graph in graphs:
        try:
            for node in graph.nodes:
                _refuse_in_text(node, graph, origin, trusted)
            inner |= {bytes(found): found for found, _ in _texts(graph)}
        except ModelError as error:
            if error.code != "E_PARSE":
                raise
            # Its attributes are not messages, so that it is not a graph
    for found in inner.values():
        _refuse_text(found, origin, trusted, depth + 1)


def _refuse_in_text(node: Node, graph: Graph, origin: Node | str, trusted: Collection[str]) -> None:
    why = _why(node, graph, trusted)
    if node.op in SAVES or node.op in RESTORES:
        why = WRITES if node.op in SAVES else READS
    if node.op in TENSORRT:
        why = "holds an engine of TensorRT"
    if why is not None and (why != _UNKNOWN or is_certain(node)):
        raise _unsafe(node, why, f" in a graph in the text of {_named(origin)}")


def _named(node: Node | str) -> str:
    if isinstance(node, str):
        return f"function {printable(node, 60)!r}" if node else "a function"
    where = f" in function {printable(node.function, 60)!r}" if node.function else ""
    return f"{printable(node.op, 80)} {printable(node.name, 80)!r}{where}"


def _unsafe(node: Node, why: str, where: str = "") -> ModelError:
    found = f"holds {_named(node)}{where}, which {why}"
    if _is_trustable(node.op, why):
        option = shlex.quote(f"--onnx-trust={TRUST}{node.op}")
        return _refused(found, f"save the model without it, or, where it only computes: {option}")
    return _refused(found)


def _refused(cause: str, remedy: str = "save the model without it, for inference alone") -> ModelError:
    return ModelError(cause, code="E_UNSAFE", remedy=remedy)
