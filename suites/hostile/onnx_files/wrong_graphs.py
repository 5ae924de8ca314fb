"""Graphs that parse and are wrong: cycles, duplicates, undefined values, operators, versions and shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto
from onnx.helper import make_graph, make_node, make_opsetid

from fixtures import hazards
from fixtures.graphs.assembly import value
from suites.hostile.case import OK, Case, of_bytes
from suites.hostile.onnx_files.graphs import changed, data, network

_GRAPH = ("E_GRAPH",)
_SCHEMA = ("E_SCHEMA", "E_GRAPH")
Models = Iterator[tuple[str, ModelProto]]


def _wirings() -> Models:
    """Values that are made twice, never, or out of themselves."""
    relu = make_node("Relu", ["x"], ["y"])
    yield "cycle-of-two", hazards.cyclic()
    yield "cycle-of-one", network(make_node("Add", ["x", "y"], ["y"]))
    ring = [make_node("Add", ["x", f"v{(k + 1) % 50}"], [f"v{k}"]) for k in range(50)]
    yield "cycle-of-fifty", network(*ring, make_node("Relu", ["v0"], ["y"]))
    yield "unsorted", network(make_node("Relu", ["a"], ["y"]), make_node("Relu", ["x"], ["a"]))
    yield "made-twice", network(relu, make_node("Neg", ["x"], ["y"]))
    yield "made-twice-by-one", network(make_node("Split", ["x"], ["y", "y"], axis=1))
    yield "input-made-again", network(make_node("Relu", ["x"], ["x"]), make_node("Relu", ["x"], ["y"]))
    yield "weight-made-again", network(make_node("Relu", ["x"], ["w"]), relu, weights={"w": np.zeros(4, "f")})
    yield "undefined-input", network(make_node("Add", ["x", "nowhere"], ["y"]))
    yield "undefined-output", network(make_node("Relu", ["x"], ["z"]))
    yield "no-nodes", changed(lambda m: m.graph.ClearField("node"))
    yield "input-twice", changed(lambda m: m.graph.input.append(m.graph.input[0]))
    yield "weight-twice", network(relu, tensors=[_zeros("w"), _zeros("w")])
    branch = make_graph([make_node("Add", ["x", "nowhere"], ["z"])], "b", [], [value("z", 1, 4)])
    yield "undefined-in-a-branch", _condition(branch, branch)


def _zeros(name: str) -> TensorProto:
    return TensorProto(name=name, dims=[4], data_type=TensorProto.FLOAT, raw_data=bytes(16))


def _condition(then: Any, other: Any) -> ModelProto:
    node = make_node("If", ["true"], ["y"], then_branch=then, else_branch=other)
    return network(node, weights={"true": np.bool_(True)})


def _nodes() -> Models:
    """Operators that are given too much, too little or the wrong thing."""
    four, bad = np.zeros(4, "f"), np.zeros((3, 5), "f")
    conv = np.zeros((2, 3, 3, 3), "f")
    yield "types-that-differ", hazards.wrong_types()
    yield "shapes-that-differ", network(make_node("Add", ["x", "w"], ["y"]), weights={"w": np.zeros(3, "f")})
    yield "product-that-does-not-fit", network(make_node("MatMul", ["x", "w"], ["y"]), weights={"w": bad})
    yield "rank-that-does-not-fit", network(make_node("Conv", ["x", "w"], ["y"]), weights={"w": conv})
    yield "axis-out-of-range", network(make_node("Softmax", ["x"], ["y"], axis=9))
    yield "axes-twice", network(make_node("Transpose", ["x"], ["y"], perm=[0, 0]))
    yield "axes-too-many", network(make_node("Transpose", ["x"], ["y"], perm=[0, 1, 2]))
    yield "size-that-does-not-fit", network(make_node("Reshape", ["x", "s"], ["y"]), weights={"s": np.array([3, 3])})
    yield "two-sizes-unknown", network(make_node("Reshape", ["x", "s"], ["y"]), weights={"s": np.array([-1, -1])})
    yield "split-that-does-not-fit", network(make_node("Split", ["x", "s"], ["y"], axis=1), weights={"s": [9]})
    yield "cast-to-nothing", network(make_node("Cast", ["x"], ["y"], to=0))
    yield "cast-to-unknown", network(make_node("Cast", ["x"], ["y"], to=9999))
    yield "missing-attribute", network(make_node("Cast", ["x"], ["y"]))
    yield "attribute-unknown", network(make_node("Relu", ["x"], ["y"], colour=3))
    yield "attribute-of-another-type", network(make_node("Softmax", ["x"], ["y"], axis="one"))
    yield "attribute-twice", network(_twice(make_node("Softmax", ["x"], ["y"], axis=1)))
    yield "inputs-too-many", network(make_node("Relu", ["x", "x", "x"], ["y"]))
    yield "inputs-too-few", network(make_node("Add", ["x"], ["y"]))
    yield "inputs-none", network(make_node("Relu", [], ["y"]))
    yield "outputs-too-many", network(make_node("Relu", ["x"], ["y", "z"]))
    outside = {"w": four, "i": [[9, 0, 0, 0]]}
    yield "index-out-of-range", network(make_node("Gather", ["w", "i"], ["y"]), weights=outside)
    yield (
        "kernel-larger-than-image",
        network(make_node("MaxPool", ["w"], ["y"], kernel_shape=[99, 99]), weights={"w": np.zeros((1, 1, 4, 4), "f")}),
    )
    yield (
        "stride-of-zero",
        network(
            make_node("MaxPool", ["w"], ["y"], kernel_shape=[1, 1], strides=[0, 0]),
            weights={"w": np.zeros((1, 1, 4, 4), "f")},
        ),
    )
    yield (
        "groups-of-zero",
        network(make_node("Conv", ["i", "w"], ["y"], group=0), weights={"i": np.zeros((1, 3, 4, 4), "f"), "w": conv}),
    )
    yield (
        "branches-that-differ",
        _condition(
            make_graph([make_node("Relu", ["x"], ["z"])], "b", [], [value("z", 1, 4)]),
            make_graph([make_node("Cast", ["x"], ["z"], to=6)], "b", [], [value("z", 1, 4, dtype=TensorProto.INT32)]),
        ),
    )
    yield "branch-that-gives-nothing", _condition(make_graph([], "b", [], []), make_graph([], "b", [], []))
    body = make_graph([make_node("Relu", ["x"], ["z"])], "b", [], [value("z", 1, 4)])
    yield "loop-body-of-another-form", network(make_node("Loop", ["", "", "x"], ["y"], body=body))


def _twice(node: NodeProto) -> NodeProto:
    node.attribute.append(node.attribute[0])
    return node


def _declarations() -> Models:
    """Types and sizes that are declared of the output and do not hold."""

    def shape(*sizes: int) -> Any:
        return lambda m: m.graph.output[0].CopyFrom(value("y", *sizes))

    for name, sizes in (("negative", (-1, 4)), ("other", (2, 9)), ("rank", (1, 4, 1)), ("huge", (2**62, 2**62))):
        yield f"output-declared-{name}", changed(shape(*sizes))
    for name, kind in (("none", 0), ("unknown", 9999), ("int64", 7), ("text", 8)):
        yield f"output-of-type-{name}", changed(lambda m, k=kind: setattr(_type(m.graph.output[0]), "elem_type", k))
    for name, kind in (("none", 0), ("unknown", 9999)):
        yield f"input-of-type-{name}", changed(lambda m, k=kind: setattr(_type(m.graph.input[0]), "elem_type", k))
    yield "input-declared-negative", changed(lambda m: m.graph.input[0].CopyFrom(value("x", -3, 4)))


def _type(info: Any) -> Any:
    return info.type.tensor_type


def _versions() -> Models:
    """Operators, domains, opsets and formats that nobody has."""
    yield "unknown-operator", hazards.unknown_operator()
    yield "operator-without-name", network(make_node("", ["x"], ["y"]))
    yield "operator-of-a-later-opset", network(make_node("RMSNormalization", ["x", "w"], ["y"]), weights={"w": [1.0]})
    yield "domain-undeclared", network(make_node("Relu", ["x"], ["y"], domain="nobody.knows"))
    yield "domain-unknown", network(make_node("F", ["x"], ["y"], domain="no.one"), domains={"no.one": 1})
    for version in (999, 0, -1, 2**62):
        yield f"opset-{version}", hazards.future_opset(version)
    for version in (999, -1, 2**62):
        yield f"format-{version}", hazards.future_ir(version)
    yield "opset-absent", changed(lambda m: m.ClearField("opset_import"))


def cases() -> Iterator[Case]:
    """Wrong graphs, each of which the checker or the runtime refuses."""
    yield of_bytes("sum", data(network(make_node("Add", ["x", "w"], ["y"]), weights={"w": np.ones(4, "f")})))
    legal = make_graph([make_node("Relu", ["x"], ["z"])], "b", [], [value("z", 1, 4)])
    yield of_bytes("branches", data(_condition(legal, legal)))
    for name, model in _wirings():
        yield of_bytes(name, data(model), *_GRAPH)
    for name, model in _nodes():
        yield of_bytes(name, data(model), "E_GRAPH", "E_SCHEMA", "E_RUN", "V_CONTRACT")
    for name, model in _declarations():
        yield of_bytes(name, data(model), "E_GRAPH", "E_SCHEMA", "V_CONTRACT", "E_SIZE", "E_INPUT")
    for name, model in _versions():
        yield of_bytes(name, data(model), *_SCHEMA)
    twice = changed(lambda m: m.graph.output.append(m.graph.output[0]))
    yield of_bytes("output-twice", data(twice), "E_GRAPH", "V_CONTRACT")
    # Not every release minds these
    odd = {
        "graph-without-name": changed(lambda m: m.graph.ClearField("name")),
        "opset-twice": changed(lambda m: m.opset_import.append(make_opsetid("", 9))),
        "axis-far-out": network(make_node("Softmax", ["x"], ["y"], axis=-(2**63))),
    }
    for name, model in odd.items():
        yield of_bytes(name, data(model), *_SCHEMA, OK)
    yield of_bytes("format-0", data(hazards.future_ir(0)), *_SCHEMA)
