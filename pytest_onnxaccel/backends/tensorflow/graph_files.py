"""TensorFlow's graph files as they are on disk: graphs, signatures and savers, read without TensorFlow.

Numbers of fields are those of ``meta_graph.proto``, ``saved_model.proto`` and ``saver.proto`` of TensorFlow 1.15 to
2.21, which have not changed in between.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import field

from pytest_onnxaccel.backends.tensorflow.nodes import Graph, graph_of
from pytest_onnxaccel.backends.tensorflow.protobuf import Message, garbled
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.frozen import record

#: Protobuf ends here; a larger file is none.
LARGEST = 2 << 30
_DEEPEST = 16


@record(frozen=True)
class Saver:
    """What saves and restores the variables: a tensor for the file's name, one to save, an operation to restore."""

    filename: str = ""
    save: str = ""
    restore: str = ""


@record(frozen=True)
class MetaGraph:
    """A graph with what a loader runs of it.

    Attributes:
        signatures: names of the output tensors by signature; an initialisation is one of them.
        initializers: operations that a loader runs at its start.
        assets: files that a loader feeds to the graph.
    """

    graph: Graph
    tags: tuple[str, ...] = ()
    signatures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    saver: Saver = Saver()
    initializers: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()


def read_graph(path: str) -> Graph:
    """Read the frozen graph (``GraphDef``) at *path*.

    Raises:
        ModelError: ``E_FILE``, ``E_SIZE``, ``E_NOTMODEL`` or ``E_PARSE``.
    """
    data = _read(path)
    message = Message(data)
    if data[0] == 0x08 and message.has(2):
        raise ModelError(
            "is the graph of a SavedModel, not a frozen graph",
            code="E_NOTMODEL",
            remedy="give the folder that it is in",
        )
    graph = _graph(message)
    if not graph.nodes:
        raise garbled("it holds no node")
    return graph


def read_meta_graph(path: str) -> MetaGraph:
    """Read the ``.meta`` of a checkpoint.

    Raises:
        ModelError: as :func:`read_graph`.
    """
    found = _meta_graph(_message(path))
    if not found.graph.nodes:
        raise garbled("it holds no node")
    return found


def read_saved_model(folder: str) -> tuple[MetaGraph, ...]:
    """Read the meta graphs of the SavedModel in *folder*.

    Raises:
        ModelError: as :func:`read_graph`; ``E_NOTMODEL`` for forms of it that cannot be looked through.
    """
    path = os.path.join(folder, "saved_model.pb")
    for name, kind in (("saved_model.cpb", "in chunks"), ("saved_model.pbtxt", "as text")):
        # TensorFlow prefers the former to what would be looked through here
        if os.path.lexists(os.path.join(folder, name)) and (name.endswith(".cpb") or not os.path.lexists(path)):
            raise ModelError(
                f"is a SavedModel {kind} ({name}), which is not looked through",
                code="E_NOTMODEL",
                remedy="save it as saved_model.pb",
            )
    found = tuple(_meta_graph(Message(value)) for value in _message(path).each(2))
    if not found:
        raise garbled("it holds no meta graph")
    return found


def _read(path: str) -> memoryview:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise ModelError(f"{os.path.basename(path)} is not a regular file", code="E_FILE")
            if found.st_size > LARGEST:
                raise ModelError("is over 2 GiB, which no TensorFlow graph file can be", code="E_SIZE")
            data = file.read(LARGEST)
    except OSError as error:
        raise ModelError(f"{os.path.basename(path)}: {error.strerror or error}", code="E_FILE") from None
    if not data:
        raise ModelError("is empty", code="E_NOTMODEL", remedy="save the model again")
    return memoryview(data)


def _message(path: str) -> Message:
    return Message(_read(path))


def _meta_graph(message: Message) -> MetaGraph:
    saver = message.joined(3)
    signatures: dict[str, tuple[str, ...]] = {}
    for key, value in message.map(5):
        signatures[key] = tuple(name for _, info in Message(value).map(2) for name in _tensor_names(Message(info), 0))
    initializers: list[str] = []
    for key, value in message.map(4):
        if key in ("saved_model_main_op", "legacy_init_op", "saved_model_init_op"):
            initializers += Message(value).joined(1).texts(1)
    return MetaGraph(
        _graph(message.joined(2)),
        tuple(message.joined(1).texts(4)),
        signatures,
        Saver(saver.text(1), saver.text(2), saver.text(3)),
        tuple(initializers),
        tuple(Message(value).text(2) for value in message.each(6)),
    )


def _tensor_names(info: Message, depth: int) -> Iterator[str]:
    """Yield the tensors of a ``TensorInfo``: one, the three of a sparse tensor, or the components of a composite."""
    if depth > _DEEPEST:
        raise garbled("a signature is nested too deep")
    if info.has(1):
        yield info.text(1)
    if info.has(4):
        yield from filter(None, (info.joined(4).text(number) for number in (1, 2, 3)))
    if info.has(5):
        for component in info.joined(5).each(2):
            yield from _tensor_names(Message(component), depth + 1)


def _graph(message: Message) -> Graph:
    library = message.joined(2)
    return graph_of(map(Message, message.each(1)), map(Message, library.each(1)), map(Message, library.each(2)))
