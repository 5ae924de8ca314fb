"""Models whose weight lies in another file, and the folders that such files are looked for in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto
from onnx.helper import make_graph, make_node

from fixtures.graphs.assembly import value
from suites.hostile.case import Case, Entry, Place
from suites.hostile.onnx_files.graphs import call, data, function, network

#: What the data files hold: four float32 numbers.
NUMBERS = np.arange(4, dtype=np.float32).tobytes()

#: Folders between the top of a case and the model: as many as a location may climb without leaving the case.
DEPTH = 6


@dataclass(frozen=True)
class Yard:
    """The folder of a case: the model lies deep in it, and what it must not reach beside it.

    Attributes:
        top: the case's folder.
        folder: where the model lies; below it ``a/b/c/d/e``.
    """

    top: Path
    folder: Path

    @property
    def secret(self) -> Path:
        """A data file outside the model's folder."""
        return self.top / "secret.bin"

    def put(self, name: str, content: bytes = NUMBERS) -> Path:
        """A data file in the model's folder, whatever that is for a file system that follows links."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


def yard(place: Place) -> Yard:
    """The folders of one case."""
    folder = place.folder.joinpath(*(f"l{k}" for k in range(DEPTH)), "models")
    (folder / "a/b/c/d/e").mkdir(parents=True)
    found = Yard(place.folder, folder)
    found.secret.write_bytes(NUMBERS)
    # What a location names that climbs 1, 2, ... folders from the model is there, so that only a rule stops it
    for parent in folder.parents[:DEPTH]:
        (parent / "secret.bin").write_bytes(NUMBERS)
    return found


def weight(location: str | bytes, name: str = "w", **entries: str) -> TensorProto:
    """Four numbers at *location*; *entries* replace ``offset`` and ``length`` or are added."""
    found = TensorProto(name=name, dims=[4], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    for key, content in {"location": location, "offset": "0", "length": "16", **entries}.items():
        if content != "absent":
            found.external_data.add(key=key, value=content)
    return found


def at(location: str, **entries: str) -> ModelProto:
    """`y` is `x` and the weight at *location*."""
    return network(make_node("Add", ["x", "w"], ["y"]), tensors=[weight(location, **entries)])


def in_branch(location: str, levels: int = 1) -> ModelProto:
    """The weight is one of a branch, *levels* deep."""
    nodes, tensors = [make_node("Add", ["x", "w"], ["z"])], [weight(location)]
    for _ in range(levels):
        graph = make_graph(nodes, "b", [], [value("z", 1, 4)], tensors)
        nodes, tensors = [make_node("If", ["true"], ["z"], then_branch=graph, else_branch=graph)], []
    return network(*nodes, make_node("Identity", ["z"], ["y"]), weights={"true": np.bool_(True)})


def in_constant(location: str) -> ModelProto:
    """The weight is the value of a Constant."""
    return network(make_node("Constant", [], ["w"], value=weight(location)), make_node("Add", ["x", "w"], ["y"]))


def in_function(location: str) -> ModelProto:
    """The weight is the value of a Constant in a function."""
    body = [make_node("Constant", [], ["w"], value=weight(location)), make_node("Add", ["a", "w"], ["b"])]
    return network(call("F"), functions=[function("F", body)])


def in_branch_of_function(location: str) -> ModelProto:
    """The weight is one of a branch in a function that another function calls."""
    graph = make_graph([make_node("Add", ["a", "w"], ["z"])], "b", [], [value("z", 1, 4)], [weight(location)])
    true = TensorProto(name="t", data_type=TensorProto.BOOL, int32_data=[1])
    body = [
        make_node("Constant", [], ["true"], value=true),
        make_node("If", ["true"], ["b"], then_branch=graph, else_branch=graph),
    ]
    return network(call("G"), functions=[function("F", body), function("G", [call("F", "a", "b")])])


def in_loop(location: str) -> ModelProto:
    """The weight is one of a loop's body."""
    body = make_graph(
        [make_node("Identity", ["going"], ["goes_on"]), make_node("Add", ["sum", "w"], ["next"])],
        "body",
        [value("i", dtype=TensorProto.INT64), value("going", dtype=TensorProto.BOOL), value("sum", 1, 4)],
        [value("goes_on", dtype=TensorProto.BOOL), value("next", 1, 4)],
        [weight(location)],
    )
    constants = {"times": np.int64(2), "true": np.bool_(True)}
    return network(make_node("Loop", ["times", "true", "x"], ["y"], body=body), weights=constants)


def in_sparse_values(location: str) -> ModelProto:
    """The weight is the values of a sparse one."""
    model = network(make_node("Add", ["x", "w"], ["y"]))
    sparse = model.graph.sparse_initializer.add(dims=[4])
    sparse.values.CopyFrom(weight(location))
    indices = TensorProto(name="i", dims=[4], data_type=TensorProto.INT64, int64_data=range(4))
    sparse.indices.CopyFrom(indices)
    return model


def in_unused(location: str) -> ModelProto:
    """No node reads the weight."""
    return network(tensors=[weight(location)])


def case(name: str, build: Callable[[Yard], ModelProto], *codes: str, skip: str = "") -> Case:
    """A case of a model in a yard of its own, as ``net.onnx``."""

    def write(place: Place) -> Entry:
        found = yard(place)
        path = found.folder / "net.onnx"
        path.write_bytes(data(build(found)))
        return Entry(path)

    return Case(name, write, frozenset(codes), skip)
