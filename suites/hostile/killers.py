"""Valid models that kill, hang or exhaust a runtime, each within limits that its group sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto
from onnx.helper import make_graph, make_node

from fixtures import hazards
from fixtures.graphs.assembly import assemble, value
from suites.hostile.case import OK, Case, of_bytes
from suites.hostile.onnx_files.graphs import data, network
from suites.hostile.onnx_files.wrong_functions import laughs

_MEMORY = ("E_MEMORY", "E_SIZE", "E_RUN", "E_GRAPH")
_INT64, _BOOL, _INT32 = TensorProto.INT64, TensorProto.BOOL, TensorProto.INT32


def _summed(*nodes: NodeProto, **weights: Any) -> ModelProto:
    """`y` is `x` plus the sum of `big`, which *nodes* make while the model runs."""
    given = {"zero": np.float32(0), **weights}
    tail = [
        make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
        make_node("Mul", ["sum", "zero"], ["nothing"]),
        make_node("Add", ["x", "nothing"], ["y"]),
    ]
    return network(*nodes, *tail, weights=given)


def _large() -> Iterator[tuple[str, ModelProto]]:
    """Tensors of many gigabytes that a few bytes ask for."""
    many = np.array([1 << 17, 1 << 16])
    first = make_node("Gather", ["x", "i"], ["one"], axis=1)
    at = np.array([0])
    yield "constant", hazards.huge_constant(40 << 30)
    yield "expand", _summed(first, make_node("Expand", ["one", "s"], ["big"]), s=many, i=at)
    yield "tile", _summed(make_node("Tile", ["x", "s"], ["big"]), s=many)
    yield "pad", _summed(make_node("Pad", ["x", "s"], ["big"]), s=np.array([0, 0, 1 << 17, 1 << 16]))
    yield "range", _summed(make_node("Range", ["a", "b", "c"], ["big"]), **_numbers(a=0, b=1e13, c=1))
    yield "one-hot", _summed(
        make_node("Cast", ["x"], ["ids"], to=_INT64), make_node("OneHot", ["ids", "d", "v"], ["big"]),
        d=np.array([1 << 33]), v=np.array([0, 1], "f"),
    )  # fmt: skip
    yield "random", _summed(make_node("RandomNormal", [], ["big"], shape=[1 << 17, 1 << 16]))
    yield "resize", _summed(
        make_node("Unsqueeze", ["x", "a"], ["image"]), make_node("Resize", ["image", "", "k"], ["big"]),
        a=np.array([0, 1]), k=np.array([1, 1, 1 << 17, 1 << 14], "f"),
    )  # fmt: skip
    yield "outer-product", _summed(
        make_node("Expand", ["x", "s"], ["wide"]), make_node("Flatten", ["wide"], ["flat"], axis=0),
        make_node("Transpose", ["flat"], ["tall"]), make_node("MatMul", ["tall", "flat"], ["big"]),
        s=np.array([1 << 15, 4]),
    )  # fmt: skip
    wraps = np.array([1 << 40, 1 << 40])
    yield "size-past-64-bits", _summed(first, make_node("Expand", ["one", "s"], ["big"]), i=at, s=wraps)
    yield "size-negative", _summed(make_node("ConstantOfShape", ["s"], ["big"]), s=np.array([-5, 3]))


def _numbers(**given: float) -> dict[str, np.float32]:
    return {key: np.float32(number) for key, number in given.items()}


def _loop(times: int | None, nodes: list[NodeProto], *scanned: str, **weights: Any) -> ModelProto:
    """`y` is what *nodes* make of `sum` into `next`, over and over; *scanned* values pile up."""
    body = make_graph(
        [make_node("Identity", ["going"], ["goes_on"]), *nodes],
        "body",
        [value("i", dtype=_INT64), value("going", dtype=_BOOL), value("sum", 1, 4)],
        [value("goes_on", dtype=_BOOL), value("next", 1, 4), *(value(name, "a", "b") for name in scanned)],
    )
    outputs = ["y", *(f"piled_{name}" for name in scanned)]
    given = {"true": np.bool_(True), **weights}
    if times is not None:
        given["times"] = np.int64(times)
    first = "" if times is None else "times"
    return network(make_node("Loop", [first, "true", "x"], outputs, body=body), weights=given)


def _endless() -> Iterator[tuple[str, ModelProto]]:
    """Loops that no run outlives."""
    step = make_node("Sin", ["sum"], ["next"])
    yield "loop-without-end", hazards.endless_loop()
    yield "loop-of-2-63", _loop(2**63 - 1, [step])
    yield "laughs-of-a-billion", laughs(9, 10)


def _deep(levels: int) -> ModelProto:
    """An If in an If, and so on, as deep as the parsers take."""
    nodes = [make_node("Relu", ["x"], ["z"])]
    other = make_graph(nodes, "other", [], [value("z", 1, 4)])
    for _ in range(levels):
        graph = make_graph(nodes, "b", [], [value("z", 1, 4)])
        nodes = [make_node("If", ["true"], ["z"], then_branch=graph, else_branch=other)]
    return network(*nodes, make_node("Identity", ["z"], ["y"]), weights={"true": np.bool_(True)})


def _dividing(operator: str, by: int) -> ModelProto:
    """`y` is what comes of the smallest integer and *by*, at run time."""
    nodes = [
        make_node("Cast", ["x"], ["ints"], to=_INT32),
        make_node("Mul", ["ints", "zero"], ["nothing"]),
        make_node("Add", ["nothing", "least"], ["a"]),
        make_node("Add", ["nothing", "by"], ["b"]),
        make_node(operator, ["a", "b"], ["c"]),
        make_node("Cast", ["c"], ["y"], to=TensorProto.FLOAT),
    ]
    numbers = {"zero": np.int32(0), "least": np.int32(np.iinfo(np.int32).min), "by": np.int32(by)}
    return network(*nodes, weights=numbers)


def _indexed(place: int) -> ModelProto:
    """`y` takes what lies at *place*, which only the run knows."""
    nodes = [
        make_node("Cast", ["x"], ["ints"], to=_INT64),
        make_node("Mul", ["ints", "zero"], ["nothing"]),
        make_node("Add", ["nothing", "place"], ["at"]),
        make_node("GatherElements", ["x", "at"], ["y"], axis=1),
    ]
    return network(*nodes, weights={"zero": np.int64(0), "place": np.int64(place)})


def cases() -> Iterator[Case]:
    """Crashes, floods of memory, loops and depths. On other processors or releases a crash may be none."""
    yield of_bytes("loop-of-three", data(_loop(3, [make_node("Sin", ["sum"], ["next"])])))
    yield of_bytes("small-constant", data(hazards.huge_constant(1 << 10)))
    yield of_bytes("depth-of-ten", data(_deep(10)))
    yield of_bytes("dividing-by-three", data(_dividing("Div", 3)))
    yield of_bytes("index-within", data(_indexed(3)))
    yield of_bytes("division-at-load", data(hazards.div_crash()), "E_CRASH", OK)
    yield of_bytes("remainder-at-load", data(hazards.mod_crash()), "E_CRASH", OK)
    for operator in ("Div", "Mod"):
        for by in (-1, 0):
            case = f"{operator.lower()}-by-{by}".replace("--", "-minus-")
            yield of_bytes(case, data(_dividing(operator, by)), "E_CRASH", "E_RUN", "V_NONFINITE", OK)
    for place in (4, -5, 1 << 40, -(1 << 62)):
        yield of_bytes(f"index-{place}", data(_indexed(place)), "E_RUN")
    for name, model in _large():
        yield of_bytes(f"large-{name}", data(model), *_MEMORY)
    for name, model in _endless():
        yield of_bytes(name, data(model), "E_TIMEOUT")
    piling = [make_node("Sin", ["sum"], ["next"]), make_node("Expand", ["sum", "s"], ["pile"])]
    yield of_bytes("loop-that-piles-up", data(_loop(1 << 40, piling, "pile", s=np.array([1 << 18, 4]))), *_MEMORY)
    yield of_bytes("depth-of-twenty-five", data(_deep(25)), "E_PARSE", "E_GRAPH", "E_CRASH", OK)
    yield of_bytes("inputs-of-a-terabyte", data(_wide(1 << 38)), "E_SIZE", "E_MEMORY", "E_INPUT")
    yield of_bytes("inputs-past-64-bits", data(_wide(1 << 62)), "E_SIZE", "E_MEMORY", "E_INPUT", "E_GRAPH")


def _wide(size: int) -> ModelProto:
    """A model that asks for an input of *size* numbers."""
    nodes = [make_node("ReduceSum", ["x"], ["y"], keepdims=0)]
    return assemble("wide", nodes, [value("x", 4, size)], [value("y")])
