"""What a graph says of its outputs: rankings, orders along an axis, quantized steps, drawn numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.comparisons import OutputFacts, Ranking
from pytest_onnxaccel.graph.outputs.facts import facts_of
from suites.planted.making import FLOAT, INT, node, value

TOP = node("TopK", ["s", "k"], ["best", "at"], "top", axis=1)
#: s [2, 30], data [2, 30, 4]: the best 7 of 30.
INPUTS = [value("s", FLOAT, [2, 30]), value("data", FLOAT, [2, 30, 4])]
CONSTANTS = {
    "k": np.array([7]), "one": np.array([1]), "two": np.array([2]), "wide": np.array([1, 1, 4]),
    "w": np.ones((4, 3), "f4"),
    "first": np.array(0), "order": np.array([1, 0, 2]), "flat": np.array([14, 4]), "rows": np.array([2, 7, 2, 2]),
    "mixed": np.array([4, 7, 2]), "scale": np.float32(0.1), "zero": np.uint8(3),
}  # fmt: skip
BOXES = [
    node("Unsqueeze", ["at", "two"], ["a1"]), node("Tile", ["a1", "wide"], ["a4"]),
    node("GatherElements", ["data", "a4"], ["boxes"], axis=1),
]  # fmt: skip


def facts(nodes: list[NodeProto], output: str, dtype: int = FLOAT, inputs: Any = None, **constants: Any) -> OutputFacts:
    outputs = [helper.make_tensor_value_info(output, dtype, None)]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in {**CONSTANTS, **constants}.items()]
    graph = helper.make_graph(nodes, "g", inputs or INPUTS, outputs, tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    found = facts_of(made)
    assert OutputFacts.from_json(found.to_json()) == found
    return found


@pytest.mark.parametrize(
    ("ends", "output", "axis"),
    [
        ([], "boxes", -2),
        ([node("Transpose", ["boxes"], ["y"], perm=[2, 0, 1])], "y", -1),
        ([node("Transpose", ["boxes"], ["y"])], "y", -2),
        ([node("MatMul", ["boxes", "w"], ["y"])], "y", -2),
        ([node("Gather", ["boxes", "first"], ["y"], axis=2)], "y", -1),
        ([node("Gather", ["boxes", "first"], ["y"], axis=0)], "y", -2),
        ([node("Gather", ["boxes", "order"], ["y"], axis=2)], "y", -2),
        ([node("ReduceMax", ["boxes", "two"], ["y"], keepdims=0)], "y", -1),
        ([node("Softmax", ["boxes"], ["y"], axis=2)], "y", -2),
        ([node("ArgMax", ["boxes"], ["y"], axis=2, keepdims=0)], "y", -1),
        ([node("Reshape", ["boxes", "rows"], ["y"])], "y", -3),
        ([node("Unsqueeze", ["best", "two"], ["t"]), node("Concat", ["boxes", "t"], ["y"], axis=2)], "y", -2),
    ],
    ids=lambda item: item[-1].op_type if isinstance(item, list) and item else None,
)
def test_an_order_is_followed_to_the_outputs(ends: list[NodeProto], output: str, axis: int) -> None:
    found = facts([TOP, *BOXES, *ends], output, INT if ends and ends[-1].op_type == "ArgMax" else FLOAT)
    order = found.orderings[output]
    assert (order.operator, order.node, order.axis, order.values) == ("TopK", "top", axis, "best")


@pytest.mark.parametrize(
    "end",
    [
        node("Gather", ["boxes", "order"], ["y"], axis=1), node("ReduceMax", ["boxes", "one"], ["y"]),
        node("Softmax", ["boxes"], ["y"], axis=1), node("Reshape", ["boxes", "mixed"], ["y"]),
        node("Reshape", ["boxes", "flat"], ["y"]), node("CumSum", ["boxes", "first"], ["y"]),
        node("Concat", ["boxes", "boxes"], ["y"], axis=1),
    ],
    ids=lambda item: item.op_type,
)  # fmt: skip
def test_an_order_that_is_lost_is_not_claimed(end: NodeProto) -> None:
    assert facts([TOP, *BOXES, end], "y").orderings == {}


def test_sorted_scores_themselves_are_compared_as_they_are() -> None:
    assert facts([TOP], "best") == OutputFacts()
    loose = node("TopK", ["s", "k"], ["best", "at"], "top", axis=1, sorted=0)
    assert not facts([loose], "best").orderings["best"].sorted


def test_indices_in_another_form_are_a_ranking() -> None:
    ends = [node("Reshape", ["at", "flat"], ["r"]), node("Cast", ["r"], ["y"], to=FLOAT)]
    assert facts([TOP, *ends], "y", flat=np.array([14])).rankings == {
        "y": Ranking("TopK", "top", "s", -1, several=True)
    }
    assert facts([TOP, node("Add", ["at", "one"], ["y"])], "y", INT).rankings == {}
    best = node("ArgMax", ["data"], ["y"], axis=1)
    assert facts([best], "y", INT).rankings == {"y": Ranking("ArgMax", "y", "data", -2)}
    assert facts([node("ArgMin", ["data"], ["y"], axis=-1)], "y", INT).rankings["y"].operator == "ArgMin"


def test_what_suppression_keeps_is_in_its_order() -> None:
    inputs = [value("b", FLOAT, [1, 9, 4]), value("s", FLOAT, [1, 1, 9])]
    nodes = [
        node("NonMaxSuppression", ["b", "s", "k"], ["picked"], "nms"), node("Gather", ["picked", "two"], ["i"], axis=1),
        node("Squeeze", ["b", "nil"], ["b2"]), node("Gather", ["b2", "i"], ["y"], axis=0),
    ]  # fmt: skip
    found = facts(nodes, "y", inputs=inputs, nil=np.array([0]))
    assert (found.orderings["y"].operator, found.orderings["y"].axis) == ("NonMaxSuppression", -3)
    assert facts(nodes[:1], "picked", INT, inputs).orderings["picked"].axis == -2


def test_limits_of_suppression_are_numbers_or_named() -> None:
    inputs = [value("b", FLOAT, [1, 9, 4]), value("s", FLOAT, [1, 1, 9])]
    nodes = [
        node("Shape", ["b"], ["most"]), node("NonMaxSuppression", ["b", "s", "most", "half"], ["picked"], "nms"),
    ]  # fmt: skip
    found = facts(nodes, "picked", INT, inputs, half=np.float32(0.5)).orderings["picked"].suppression
    assert found is not None
    assert found.limits[:2] == ("most", 0.5)


def test_steps_are_what_a_rounding_gives() -> None:
    start = [node("QuantizeLinear", ["s", "scale", "zero"], ["q"], "round")]
    byte = TensorProto.UINT8
    assert facts(start, "q", byte).steps == {"q": "QuantizeLinear 'round'"}
    assert facts([*start, node("Transpose", ["q"], ["y"])], "y", byte).steps == {"y": "QuantizeLinear 'round'"}
    for end in (node("Cast", ["q"], ["y"], to=INT), node("DequantizeLinear", ["q", "scale", "zero"], ["y"])):
        assert facts([*start, end], "y", INT if end.op_type == "Cast" else FLOAT).steps == {}


def test_random_operators_are_named_also_inside_of_branches() -> None:
    drawn = node("RandomNormalLike", ["s"], ["e"], "eps")
    assert facts([drawn, node("Add", ["s", "e"], ["y"])], "y").random == {"y": ("RandomNormalLike 'eps'",)}
    assert facts([drawn, node("Relu", ["s"], ["y"])], "y").random == {}
    ratio = {"ratio": np.float32(0.5), "yes": np.array(True), "no": np.array(False)}
    for flag, count in (("yes", 1), ("no", 0)):
        found = facts([node("Dropout", ["s", "ratio", flag], ["y"], "drop")], "y", **ratio)
        assert len(found.random) == count
    assert facts([node("Dropout", ["s"], ["y"], "drop")], "y").random == {}
    branch = helper.make_graph(
        [node("RandomUniform", [], ["u"], "draw", shape=[2])],
        "then",
        [],
        [helper.make_tensor_value_info("u", FLOAT, None)],
    )
    choose = node("If", ["yes"], ["y"], "choose", then_branch=branch, else_branch=branch)
    assert facts([choose], "y", **ratio).random == {"y": ("RandomUniform 'draw'",)}


def test_what_both_branches_sort_is_sorted_and_what_one_does_is_not() -> None:
    def graph(nodes: list[NodeProto]) -> Any:
        return helper.make_graph(nodes, "branch", [], [helper.make_tensor_value_info("inner", FLOAT, None)])

    ends = [TOP, *BOXES, node("Identity", ["boxes"], ["inner"])]
    plain = [node("Identity", ["data"], ["inner"])]
    yes = {"yes": np.array(True)}
    both = node("If", ["yes"], ["y"], "choose", then_branch=graph(ends), else_branch=graph(ends))
    order = facts([both], "y", **yes).orderings["y"]
    assert (order.operator, order.node, order.axis, order.values) == ("TopK", "top", -2, "")
    one = node("If", ["yes"], ["y"], "choose", then_branch=graph(ends), else_branch=graph(plain))
    assert facts([one], "y", **yes).orderings == {}
    top = [TOP, node("Identity", ["at"], ["inner"])]
    indices = node("If", ["yes"], ["y"], "choose", then_branch=graph(top), else_branch=graph(top))
    ranking = facts([indices], "y", **yes).rankings["y"]
    assert (ranking.operator, ranking.scores) == ("TopK", "")  # scores inside of a branch cannot be looked up
