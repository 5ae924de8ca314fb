"""TensorFlow sources, legal and bent, written byte by byte: building them needs no TensorFlow.

All stand for ``y = x + 0``: `x` and `y` 1x4 float32.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from onnx.helper import make_node

from fixtures.graphs.assembly import assemble, value
from suites.hostile.case import Entry, Place
from suites.hostile.onnx_files.graphs import data
from suites.unit.graph_bytes import field, graph, node, text, varint

FLOAT, STRING, VARIANT = 1, 7, 21
Node = bytes


def kind(number: int) -> bytes:
    """An ``AttrValue`` that is a type."""
    return field(6, number)


def shape(*sizes: int) -> bytes:
    """A ``TensorShapeProto``."""
    return b"".join(field(2, field(1, size)) for size in sizes)


def constant(name: str, content: bytes | float, *sizes: int) -> Node:
    """A ``Const``: a text, or a number everywhere."""
    if isinstance(content, bytes):
        dtype, values = STRING, field(8, content)
    else:
        dtype, values = FLOAT, field(5, np.float32(content).tobytes())
    tensor = field(1, dtype) + field(2, shape(*sizes)) + values
    return node(name, "Const", dtype=kind(dtype), value=field(8, tensor))


def placeholder(name: str) -> Node:
    """The input."""
    return node(name, "Placeholder", dtype=kind(FLOAT), shape=field(7, shape(1, 4)))


def added(*more: Node, by: str = "zero", after: Iterable[str] = ()) -> list[Node]:
    """The nodes of ``y = x + by``, after *more* and after the nodes named in *after*."""
    control = [f"^{name}" for name in after]
    zero = [constant("zero", 0.0, 1, 4)] if by == "zero" else []
    return [placeholder("x"), *zero, *more, node("y", "AddV2", "x", by, *control, T=kind(FLOAT))]


def versioned(graph_def: bytes) -> bytes:
    """A ``GraphDef`` with the version of the one who made it."""
    return graph_def + field(4, field(1, 1882))


def plain(*more: Node, functions: Mapping[str, Iterable[Node]] | None = None, **graph_view: Any) -> bytes:
    """The network as a ``GraphDef``."""
    return versioned(graph(added(*more, **graph_view), functions))


def from_text(inner: bytes, *before: Node) -> bytes:
    """A ``GraphDef`` that adds the element of the data set that the graph in a text makes."""
    sizes = field(1, field(7, shape(1, 4)))
    element = node(
        "element", "DatasetToSingleElement", "set",
        output_types=field(1, field(6, varint(FLOAT))), output_shapes=sizes, metadata=text(""),
    )  # fmt: skip
    return plain(*before, constant("text", inner), node("set", "DatasetFromGraph", "text"), element, by="element")


def data_set(*before: Node, after: Iterable[str] = (), functions: Mapping[str, Iterable[Node]] | None = None) -> bytes:
    """The inner graph: a data set of one element, after the nodes named in *after*."""
    control = [f"^{name}" for name in after]
    types, sizes = field(1, field(6, varint(FLOAT))), field(1, field(7, shape(1, 4)))
    made = node("set", "TensorDataset", "zeros", *control, Toutput_types=types, output_shapes=sizes, metadata=text(""))
    result = node("result", "_Retval", "set", T=kind(VARIANT), index=field(3, 0))
    return versioned(graph([*before, constant("zeros", 0.0, 1, 4), made, result], functions))


def writes(path: str, inside: bool = False) -> list[Node]:
    """Nodes that write the canary; ``write`` is the last one. *inside* a function, outputs have names."""
    end = ":output:0" if inside else ""
    return [
        constant("name", path.encode()),
        constant("content", b"written\n"),
        node("write", "WriteFile", f"name{end}", f"content{end}"),
    ]


def onnx_model(place: Place) -> Path:
    """The ONNX model that is said to come of the sources."""
    model = assemble(
        "net", [make_node("Add", ["x", "zero"], ["y"])], [value("x", 1, 4)], [value("y", 1, 4)],
        {"zero": np.zeros((1, 4), "f")},
    )  # fmt: skip
    path = place.folder / "net.onnx"
    path.write_bytes(data(model))
    return path


def as_graph(place: Place, content: bytes) -> Entry:
    """A source that is one file of a graph."""
    source = place.folder / "net.pb"
    source.write_bytes(content)
    return Entry(onnx_model(place), source)


def keras_layer(name: str, layer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The layers of a Keras model of one *layer*."""
    first = {
        "module": "keras.layers", "class_name": "InputLayer", "registered_name": None,
        "config": {"batch_shape": [1, 4], "name": "x", "dtype": "float32"},
    }  # fmt: skip
    config = {"name": name, **layer.get("config", {})}
    return [first, {"module": "keras.layers", "registered_name": None, **layer, "config": config}]


def keras_config(layers: list[dict[str, Any]]) -> dict[str, Any]:
    """The configuration of a Keras model of these *layers*."""
    config = {"name": "net", "trainable": True, "layers": layers}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": "Sequential"}


def keras_file(path: Path, config: Any, *, more: Mapping[str, bytes] | None = None) -> Path:
    """A ``.keras`` file of *config* without weights."""
    with zipfile.ZipFile(path, "w") as archive:
        known = {"keras_version": "3.10.0", "date_saved": "2026-01-01@00:00:00"}
        for name, content in {
            "metadata.json": json.dumps(known).encode(),
            "config.json": config if isinstance(config, bytes) else json.dumps(config).encode(),
            **(more or {}),
        }.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path
