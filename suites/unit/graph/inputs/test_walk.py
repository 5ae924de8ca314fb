"""What a graph says of its inputs: one model for each kind of fact, and one of which nothing is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.domains import Domain, InputFacts
from pytest_onnxaccel.graph.describe import describe
from pytest_onnxaccel.graph.inputs.facts import facts_of
from pytest_onnxaccel.numerics.sampling.from_domain import draw
from pytest_onnxaccel.numerics.sampling.model_inputs import model_inputs

FLOAT, INT, BOOL, BYTE = (int(t) for t in (TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.UINT8))


def model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, Any]],
    outputs: dict[str, tuple[int, Any]],
    functions: list[onnx.FunctionProto] | None = None,
    **constants: Any,
) -> onnx.ModelProto:
    sides = [
        [helper.make_tensor_value_info(name, *value) for name, value in side.items()] for side in (inputs, outputs)
    ]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", *sides, tensors)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=functions or [])


def one(
    op: str, inputs: dict[str, tuple[int, Any]], shape: Any, dtype: int = FLOAT, given: Any = None, **attributes: Any
) -> InputFacts:
    given = given or {}
    order = attributes.pop("order", [*inputs, *given])
    return facts_of(
        model([helper.make_node(op, order, ["y"], op.lower(), **attributes)], inputs, {"y": (dtype, shape)}, **given)
    )


TABLE = np.zeros((50, 4), np.float32)

EXACT = [
    ("Reshape", {"x": (FLOAT, [6]), "s": (INT, [2])}, [2, 3], {}, "s", (2, 3)),
    ("Expand", {"x": (FLOAT, [1, 3]), "s": (INT, [2])}, [5, 3], {}, "s", (5, 3)),
    ("Tile", {"x": (FLOAT, [2, 3]), "s": (INT, [2])}, [4, 3], {}, "s", (2, 1)),
    ("Pad", {"x": (FLOAT, [2, 3]), "s": (INT, [4])}, [2, 6], {}, "s", (0, 1, 0, 2)),
    ("TopK", {"x": (FLOAT, [2, 9]), "s": (INT, [1])}, [2, 4], {}, "s", (4,)),
    ("Unsqueeze", {"x": (FLOAT, [2, 3]), "s": (INT, [1])}, [2, 1, 3], {}, "s", (1,)),
    ("ReduceSum", {"x": (FLOAT, [2, 3]), "s": (INT, [1])}, [2, 1], {}, "s", (1,)),
    ("ConstantOfShape", {"s": (INT, [2])}, [4, 7], {}, "s", (4, 7)),
    ("HannWindow", {"s": (INT, [])}, [10], {}, "s", (10,)),
    ("CenterCropPad", {"x": (FLOAT, [3, 20, 8]), "s": (INT, [2])}, [3, 10, 9], {"axes": [1, 2]}, "s", (10, 9)),
    ("AffineGrid", {"x": (FLOAT, [2, 2, 3]), "s": (INT, [4])}, [2, 5, 6, 2], {}, "s", (2, 1, 5, 6)),
]  # fmt: skip


@pytest.mark.parametrize(("op", "inputs", "shape", "attributes", "name", "exact"), EXACT, ids=[e[0] for e in EXACT])
def test_sizes_are_those_for_which_the_declared_shape_comes_true(
    op: str, inputs: Any, shape: Any, attributes: Any, name: str, exact: Any
) -> None:
    assert one(op, inputs, shape, **attributes).domains[name].exact == exact


def test_slices_of_which_everything_is_fed() -> None:
    ends = {name: (INT, [2]) for name in ("starts", "ends", "axes")}
    found = one("Slice", {"x": (FLOAT, [20, 10, 5]), **ends}, [3, 10, 5]).domains
    assert found["axes"].exact is not None
    assert found["axes"].exact[0] == 0
    assert found["ends"].exact is not None
    assert found["ends"].exact[0] == 3


def test_a_shape_that_is_declared_behind_is_carried_back() -> None:
    nodes = [helper.make_node("ReduceSum", ["x", "axes"], ["s"]), helper.make_node("Log", ["s"], ["y"])]
    found = facts_of(model(nodes, {"x": (FLOAT, [3, 4]), "axes": (INT, [1])}, {"y": (FLOAT, [3, 1])}))
    assert found.domains["axes"].exact == (1,)


def test_ids_are_rows_of_their_table() -> None:
    domain = one("Gather", {"ids": (INT, [2, 8])}, [2, 8, 4], given={"table": TABLE}, order=["table", "ids"]).domains[
        "ids"
    ]
    assert (domain.kind, domain.low, domain.high) == ("index", 0, 49)
    assert "Gather 'gather'" in domain.facts[0]


def test_ids_go_through_casts_reshapes_and_functions() -> None:
    inner = helper.make_node("Gather", ["t", "i"], ["r"])
    function = helper.make_function("own", "Look", ["t", "i"], ["r"], [inner], [helper.make_opsetid("", 21)])
    nodes = [
        helper.make_node("Cast", ["ids"], ["whole"], to=INT),
        helper.make_node("Flatten", ["whole"], ["flat"]),
        helper.make_node("Look", ["table", "flat"], ["y"], domain="own"),
    ]
    found = facts_of(
        model(nodes, {"ids": (int(TensorProto.INT32), [2, 8])}, {"y": (FLOAT, None)}, [function], table=TABLE)
    )
    assert (found.domains["ids"].low, found.domains["ids"].high) == (0, 49)


def test_ids_inside_a_branch_are_found() -> None:
    def branch(name: str) -> onnx.GraphProto:
        node = helper.make_node("Gather", ["table", "ids"], [name])
        return helper.make_graph([node], name, [], [helper.make_tensor_value_info(name, FLOAT, None)])

    node = helper.make_node("If", ["flag"], ["y"], then_branch=branch("a"), else_branch=branch("b"))
    found = facts_of(model([node], {"flag": (BOOL, []), "ids": (INT, [3])}, {"y": (FLOAT, None)}, table=TABLE))
    assert found.domains["ids"].high == 49
    assert found.domains["flag"].kind == "mask"


def test_a_constant_that_is_compared_and_its_neighbours() -> None:
    assert set(one("Equal", {"x": (INT, [4])}, [4], BOOL, given={"seven": np.array(7)}).domains["x"].points) >= {
        6,
        7,
        8,
    }


def test_numbers_go_back_through_what_was_done_to_them() -> None:
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["m"]),
        helper.make_node("Sub", ["m", "one"], ["s"]),
        helper.make_node("Log", ["s"], ["y"]),
    ]
    found = facts_of(model(nodes, {"x": (FLOAT, [4])}, {"y": (FLOAT, [4])}, two=np.float32(2), one=np.float32(1)))
    low = found.domains["x"].low
    assert isinstance(low, float)
    assert low == pytest.approx(0.5005)


DOMAINS = {
    "Log": (1e-3, None), "Sqrt": (0, None), "Acosh": (1, None), "Asin": (-1, 1),
}  # fmt: skip


@pytest.mark.parametrize("op", DOMAINS)
def test_a_function_is_fed_where_it_is_defined(op: str) -> None:
    domain = one(op, {"x": (FLOAT, [4])}, [4]).domains["x"]
    assert (domain.low, domain.high) == DOMAINS[op]


def test_divisors_and_exponents() -> None:
    assert set(one("Div", {"a": (INT, [4]), "b": (INT, [4])}, [4], INT).domains["b"].exclude) == {0, -1}
    assert (
        one("Mod", {"a": (INT, [4]), "b": (INT, [4])}, [4], INT).domains["a"].low is None
    )  # negative numbers tell it apart
    assert one("Pow", {"a": (INT, [4]), "b": (INT, [4])}, [4], INT).domains["b"].low == 0


def test_every_value_of_eight_bits() -> None:
    nodes = [helper.make_node("DequantizeLinear", ["x", "scale", "zero"], ["y"])]
    found = facts_of(model(nodes, {"x": (BYTE, [4])}, {"y": (FLOAT, [4])}, scale=np.float32(0.1), zero=np.uint8(3)))
    assert (found.domains["x"].low, found.domains["x"].high) == (0, 255)


def test_what_a_size_hangs_on_is_told() -> None:
    found = one("NonZero", {"x": (FLOAT, [4])}, [1, "k"], INT)
    assert found.value_shaped == {"y": ("x",)}


@pytest.mark.parametrize("written", [float("-inf"), float("inf")])
def test_infinities_of_the_graph_are_legal_at_the_outputs_that_hold_them(written: float) -> None:
    given = {"nothing": np.float32(written)}
    found = one("Where", {"mask": (BOOL, [4]), "x": (FLOAT, [4])}, [4], given=given, order=["mask", "x", "nothing"])
    assert found.infinite == ("y",)
    plain = one(
        "Where",
        {"mask": (BOOL, [4]), "x": (FLOAT, [4])},
        [4],
        given={"nothing": np.float32(0)},
        order=["mask", "x", "nothing"],
    )
    assert plain.infinite == ()


def test_a_softmax_takes_infinities_away() -> None:
    nodes = [helper.make_node("Where", ["mask", "x", "nothing"], ["w"]), helper.make_node("Softmax", ["w"], ["y"])]
    found = facts_of(
        model(nodes, {"mask": (BOOL, [4]), "x": (FLOAT, [4])}, {"y": (FLOAT, [4])}, nothing=np.float32("-inf"))
    )
    assert found.infinite == ()


def test_of_a_plain_network_nothing_is_said() -> None:
    assert one("Relu", {"x": (FLOAT, [2, 4])}, [2, 4]).domains == {}


def test_facts_travel_as_json() -> None:
    found = facts_of(
        model(
            [helper.make_node("Gather", ["table", "ids"], ["y"])],
            {"ids": (INT, [3])},
            {"y": (FLOAT, None)},
            table=TABLE,
        )
    )
    assert InputFacts.from_json(found.to_json()) == found
    assert Domain.from_json(found.domains["ids"].to_json()) == found.domains["ids"]


def test_axes_are_found_behind_operators_that_keep_the_shape() -> None:
    """As in functions that were inlined, whose values declare nothing."""
    nodes = [
        helper.make_node("Abs", ["x"], ["a"]),
        helper.make_node("Mul", ["a", "w"], ["b"]),
        helper.make_node("ReduceSum", ["b", "axes"], ["y"], keepdims=1),
    ]
    takes = {"x": (FLOAT, [3, 2, 4]), "axes": (INT, [1])}
    facts = facts_of(model(nodes, takes, {"y": (FLOAT, [3, 2, 1])}, w=np.ones((2, 1), np.float32)))
    assert facts.domains["axes"].exact == (2,)


def test_a_size_that_nothing_declares_is_not_sure() -> None:
    nodes = [
        helper.make_node("Range", ["zero", "n", "one"], ["r"]),
        helper.make_node("Mul", ["r", "n"], ["y"]),
    ]
    numbers = {"zero": np.asarray(0.0, np.float32), "one": np.asarray(1.0, np.float32)}
    facts = facts_of(model(nodes, {"n": (FLOAT, [])}, {"y": (FLOAT, ["unknown"])}, **numbers))
    found = facts.domains["n"]
    assert (found.kind, found.low, found.high, found.exact) == ("size", 2, 5, None)
    assert facts.value_shaped == {"y": ("n",)}


def test_logarithms_of_probabilities_and_what_is_added_up_and_divides() -> None:
    loss = one("NegativeLogLikelihoodLoss", {"x": (FLOAT, [3, 5]), "t": (INT, [3]), "w": (FLOAT, [5])}, [])
    assert (loss.domains["x"].low, loss.domains["x"].high) == (-5, 0)
    assert (loss.domains["w"].low, loss.domains["t"].high) == (0.1, 4)
    nodes = [
        helper.make_node("ReduceSum", ["w"], ["s"], keepdims=0),
        helper.make_node("Div", ["x", "s"], ["y"]),
    ]
    facts = facts_of(model(nodes, {"x": (FLOAT, [4]), "w": (FLOAT, [4])}, {"y": (FLOAT, [4])}))
    assert facts.domains["w"].low == 0
    assert "x" not in facts.domains


def test_texts_that_are_compared() -> None:
    text = int(TensorProto.STRING)
    node = helper.make_node("Equal", ["x", "k"], ["y"])
    facts = facts_of(model([node], {"x": (text, [2])}, {"y": (BOOL, [2])}, k=np.asarray(["yes", "no"], object)))
    assert facts.domains["x"].choices == ("yes", "no", "onnxaccel")
    both = one("Equal", {"a": (text, [3]), "b": (text, [3])}, [3], BOOL)
    assert both.domains["a"].choices == both.domains["b"].choices == ("one", "two", "")


def test_ranges_that_exclude_each_other_are_both_legal() -> None:
    """``Where(ids < 0, ids + 50, ids)``: a row counted from the end is one of its own path."""
    nodes = [
        helper.make_node("Less", ["ids", "zero"], ["below"]),
        helper.make_node("Add", ["ids", "rows"], ["wrapped"]),
        helper.make_node("Where", ["below", "wrapped", "ids"], ["at"]),
        helper.make_node("Gather", ["table", "at"], ["y"]),
    ]
    given = {"table": TABLE, "zero": np.array(0), "rows": np.array(50)}
    domain = facts_of(model(nodes, {"ids": (INT, ["N", 3])}, {"y": (FLOAT, ["N", 3, 4])}, **given)).domains["ids"]
    assert (domain.low, domain.high) == (-50, 49)
    assert {-50, -1, 0, 49} <= set(domain.points)


def test_a_one_hot_code_that_is_written_as_a_comparison() -> None:
    x = {"x": (INT, ["N", 1])}
    domain = one("Equal", x, ["N", 257], BOOL, {"codes": np.arange(257)}).domains["x"]
    assert (domain.kind, domain.low, domain.high) == ("index", 0, 256)
    others = one("Equal", x, ["N", 3], BOOL, {"codes": np.array([3, 50, 900])}).domains["x"]
    assert others.kind == "number"


@pytest.mark.parametrize(
    ("op", "more", "told"),
    [
        ("Clip", {"low": np.float32(0), "high": np.float32(6)}, {6.0, 6.3}),
        ("Min", {"high": np.float32(4)}, {4.0, 4.2}),
        ("ThresholdedRelu", {}, {1.1}),
        ("QuantizeLinear", {"step": np.float32(0.5), "zero": np.uint8(128)}, {-64.0, 63.5}),
    ],
)
def test_what_saturates_is_fed_on_both_sides(op: str, more: dict[str, Any], told: set[float]) -> None:
    domain = one(op, {"x": (FLOAT, [4])}, [4], given=more).domains["x"]
    assert {round(t, 3) for t in told} <= {round(float(p), 3) for p in domain.points}


def test_every_bit_of_a_type() -> None:
    bits = int(TensorProto.UINT32)
    domain = one("BitwiseNot", {"x": (bits, [4])}, [4], bits).domains["x"]
    assert (domain.low, domain.high) == (0, 2**32 - 1)


def test_each_column_of_gather_nd_numbers_an_axis_of_its_own() -> None:
    table = np.zeros((3, 70), np.float32)
    domain = one("GatherND", {"at": (INT, ["N", 2])}, ["N"], given={"t": table}, order=["t", "at"]).domains["at"]
    assert domain.columns == (tuple(range(3)), tuple(range(70)))


def test_a_scan_goes_through_time() -> None:
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "e"], ["t"]), helper.make_node("Identity", ["t"], ["o"])], "body",
        [helper.make_tensor_value_info(n, FLOAT, [1, 4]) for n in "se"],
        [helper.make_tensor_value_info(n, FLOAT, [1, 4]) for n in "to"],
    )  # fmt: skip
    nodes = [helper.make_node("Scan", ["s0", "x"], ["s1", "y"], body=body, num_scan_inputs=1)]
    facts = facts_of(model(nodes, {"x": (FLOAT, ["T", 1, 4])}, {"y": (FLOAT, ["T", 1, 4])}, s0=np.zeros((1, 4), "f4")))
    assert facts.axes == {"x": 1}


def test_outputs_of_a_sigmoid_are_shares() -> None:
    assert one("Sigmoid", {"x": (FLOAT, [4])}, [4]).shares == ("y",)
    assert one("Tanh", {"x": (FLOAT, [4])}, [4]).shares == ()


def test_a_table_that_is_read_by_position_is_told_with_what_a_run_costs() -> None:
    nodes = [
        helper.make_node("Shape", ["ids"], ["s"], start=1, end=2), helper.make_node("Squeeze", ["s", "a0"], ["n"]),
        helper.make_node("Range", ["zero", "n", "one"], ["r"]), helper.make_node("Gather", ["places", "r"], ["p"]),
        helper.make_node("Gather", ["words", "ids"], ["e"]), helper.make_node("Add", ["e", "p"], ["h"]),
        helper.make_node("MatMul", ["h", "w"], ["y"]),
    ]  # fmt: skip
    numbers = {
        "a0": np.array([0]), "zero": np.array(0), "one": np.array(1), "places": np.zeros((77, 4), np.float32),
        "words": np.zeros((9, 4), np.float32), "w": np.zeros((4, 3), np.float32),
    }  # fmt: skip
    facts = facts_of(model(nodes, {"ids": (INT, ["n", "t"])}, {"y": (FLOAT, ["n", "t", 3])}, **numbers))
    assert (facts.longest, facts.weights) == ({"ids": 77}, 12)
    assert InputFacts.from_json(facts.to_json()) == facts


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_labels_are_inside_the_classes_and_sometimes_not_counted(reduction: str) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["z"]),
        helper.make_node("SoftmaxCrossEntropyLoss", ["z", "t"], ["y"], "loss", reduction=reduction, ignore_index=2),
    ]
    made = model(
        nodes, {"x": (FLOAT, ["n", 4]), "t": (INT, ["n"])},
        {"y": (FLOAT, ["n"] if reduction == "none" else [])}, w=np.zeros((4, 5), np.float32),
    )  # fmt: skip
    facts = facts_of(made)
    labels = facts.domains["t"]
    assert (labels.kind, labels.low, labels.high, labels.apart) == ("index", 0, 4, (2,))
    assert labels.never_all == (() if reduction == "none" else (2,))
    assert facts.whole == ({} if reduction == "none" else {"y": "SoftmaxCrossEntropyLoss 'loss'"})
    drawn = model_inputs(describe(made), (), 0, {}, facts)
    fed = [drawn.feeds(index)["t"] for index in range(24)]
    assert {*np.concatenate(fed).tolist()} == {0, 1, 2, 3, 4}
    assert reduction == "none" or all(bool((labels != 2).any()) for labels in fed)


def test_a_single_label_of_a_mean_is_always_counted() -> None:
    domain = Domain("t", "index", 0, 1, apart=(0,), never_all=(0,))
    made = [draw(np.random.default_rng(0), domain, np.dtype("int64"), (1,), index, {}) for index in range(4)]
    assert [array.tolist() for array in made if array is not None] == [[1]] * 4


@pytest.mark.parametrize(
    ("op", "attributes", "shape", "wanted"),
    [
        ("ReduceMean", {"keepdims": 0}, [], {"y": "ReduceMean 'op'"}),
        ("ReduceSum", {}, [1, 1], {"y": "ReduceSum 'op'"}),
        ("ReduceL2", {"keepdims": 0}, [], {"y": "ReduceL2 'op'"}),
        ("ReduceMax", {"keepdims": 0}, [], {}),
        ("Relu", {}, ["batch", 4], {}),
    ],
)
def test_outputs_that_are_one_number_for_a_batch(
    op: str, attributes: dict[str, Any], shape: list[Any], wanted: dict[str, str]
) -> None:
    made = model(
        [helper.make_node(op, ["x"], ["m"], "op", **attributes), helper.make_node("Neg", ["m"], ["y"])],
        {"x": (FLOAT, ["batch", 4])}, {"y": (FLOAT, shape)},
    )  # fmt: skip
    assert facts_of(made).whole == wanted


def test_a_mean_over_the_features_of_a_frozen_or_folded_batch_is_none() -> None:
    made = model(
        [helper.make_node("ReduceMean", ["x", "axes"], ["y"])],
        {"x": (FLOAT, ["batch", 4])}, {"y": (FLOAT, [1, 1])}, axes=np.array([1]),
    )  # fmt: skip
    assert facts_of(made).whole == {}
    made = model([helper.make_node("ReduceMean", ["x"], ["y"])], {"x": (FLOAT, [1, 4])}, {"y": (FLOAT, [1, 1])})
    assert facts_of(made).whole == {}


@pytest.mark.parametrize(("size", "depth", "last"), [(7, (7,), 6), ("classes", None, 9), (None, None, 9)])
def test_ids_stay_below_a_depth_that_is_fed(size: Any, depth: tuple[int, ...] | None, last: int) -> None:
    inputs = {"ids": (INT, ["n", 3]), "depth": (INT, [])}
    found = one("OneHot", inputs, ["n", 3, size], given={"v": np.array([0.0, 1.0])})
    assert (found.domains["ids"].low, found.domains["ids"].high) == (0, last)
    assert found.domains["depth"].exact == depth
    assert depth is not None or (found.domains["depth"].low, found.domains["depth"].high) == (10, 10)
