"""What limits, sums and sizes say of inputs: points beside a leap, rows that several numbers make, lengths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.graph.inputs.backward import carried_back
from pytest_onnxaccel.graph.inputs.facts import facts_of
from suites.planted.making import BOOL, FLOAT, INT, model, node, value

TEXT = int(TensorProto.STRING)


def facts(
    nodes: list[Any], inputs: dict[str, tuple[int, Any]], output: tuple[int, Any], **constants: Any
) -> InputFacts:
    given = [value(name, *one) for name, one in inputs.items()]
    return facts_of(model(nodes, given, [value("y", *output)], constants, opset=20))


ROW = {"x": (FLOAT, ["batch", 4])}
OUT = (FLOAT, ["batch", 4])


@pytest.mark.parametrize(("op", "point"), [("Round", 0.5), ("Floor", -1), ("Ceil", 1), ("IsInf", math.inf)])
def test_where_an_operator_leaps(op: str, point: float) -> None:
    output = (BOOL if op == "IsInf" else FLOAT, ["batch", 4])
    assert point in facts([node(op, ["x"], ["y"])], ROW, output).domains["x"].points


def test_what_was_computed_before_a_leap_is_not_put_on_it() -> None:
    """Two engines may come out on either side."""
    nodes = [node("Mul", ["x", "k"], ["s"]), node("Round", ["s"], ["y"])]
    assert "x" not in facts(nodes, ROW, OUT, k=np.float32(3)).domains


def test_a_limit_before_a_logarithm_makes_all_numbers_legal() -> None:
    bare = facts([node("Log", ["x"], ["y"])], ROW, OUT).domains["x"]
    assert bare.low is not None
    limited = [node("Max", ["x", "k"], ["m"]), node("Log", ["m"], ["y"])]
    assert facts(limited, ROW, OUT, k=np.float32(1e-9)).domains["x"].low is None
    assert facts(limited, ROW, OUT, k=np.float32(-2)).domains["x"].low is not None, "such a limit is none"


def test_a_limit_before_a_table_keeps_its_rows() -> None:
    nodes = [node("Max", ["i", "zero"], ["j"]), node("Gather", ["table", "j"], ["y"])]
    found = facts(nodes, {"i": (INT, ["batch"])}, OUT, zero=np.array(0), table=np.zeros((9, 4), np.float32)).domains[
        "i"
    ]
    assert (found.low, found.high) == (0, 8)
    assert -1 in found.apart


def test_many_limits_are_told_with_what_lies_between_them() -> None:
    limits = np.arange(0, 200, 2).astype(np.float32) * np.float32(1.5)
    nodes = [node("Unsqueeze", ["x", "last"], ["u"]), node("Greater", ["u", "limits"], ["y"])]
    found = facts(nodes, ROW, (BOOL, ["batch", 4, 100]), last=np.array([-1]), limits=limits).domains["x"]
    assert {-3.0, 0.0, 1.5, 3.0, 297.0, 300.0} <= set(found.points)


# -- rows that are numbered together ---------------------------------------------------------------------------

TWO = {"a": (INT, ["batch"]), "b": (INT, ["batch"])}


def together(scale: Any) -> InputFacts:
    nodes = [node("Mul", ["a", "k"], ["ak"]), node("Add", ["ak", "b"], ["i"]), node("Gather", ["table", "i"], ["y"])]
    return facts(nodes, TWO, OUT, k=np.array(scale), table=np.zeros((60, 4), np.float32))


def test_two_ids_number_rows_as_digits_do() -> None:
    found = together(10).domains
    assert [(found[name].low, found[name].high) for name in ("a", "b")] == [(0, 5), (0, 9)]


def test_two_ids_that_weigh_alike_share_the_rows() -> None:
    found = together(1).domains
    assert [(found[name].low, found[name].high) for name in ("a", "b")] == [(0, 29), (0, 29)]


def test_a_difference_is_no_number_of_digits() -> None:
    assert "a" not in together(-10).domains


def test_fields_of_one_table_end_where_the_next_one_begins() -> None:
    nodes = [node("Add", ["x", "offsets"], ["i"]), node("Gather", ["table", "i"], ["y"])]
    constants = {"offsets": np.array([[0, 10, 15]]), "table": np.zeros((35, 4), np.float32)}
    found = facts(nodes, {"x": (INT, ["batch", 3])}, (FLOAT, ["batch", 3, 4]), **constants).domains["x"]
    assert found.ranges == ((0, 0, 9), (1, 0, 4), (2, 0, 19))


def width_of_a_box(less: int = 0) -> InputFacts:
    """Column 2 less column *less* numbers the rows of a table."""
    nodes = [
        node("Gather", ["box", "right"], ["r"], axis=2), node("Gather", ["box", "left"], ["l"], axis=2),
        node("Sub", ["r", "l"], ["w"]), node("Gather", ["table", "w"], ["y"]),
    ]  # fmt: skip
    constants = {"right": np.array(2), "left": np.array(less), "table": np.zeros((32, 3), np.float32)}
    return facts(nodes, {"box": (INT, ["batch", "n", 4])}, (FLOAT, ["batch", "n", 3]), **constants)


def test_a_width_that_is_looked_up_is_not_negative() -> None:
    found = width_of_a_box().domains["box"]
    assert found.kind == "index"
    assert found.ordered == ((0, 2),)
    assert found.ranges == ((0, 0, 31), (2, 0, 31))


def test_a_column_less_itself_says_nothing() -> None:
    assert "box" not in width_of_a_box(less=2).domains


def test_keys_of_one_column_are_for_that_column() -> None:
    encoder = node("LabelEncoder", ["c"], ["y"], domain="ai.onnx.ml", keys_strings=["a", "b"], values_floats=[1.0, 2.0])
    made = model(
        [node("Gather", ["x", "one"], ["c"], axis=1), encoder], [value("x", TEXT, ["batch", 3])],
        [value("y", FLOAT, ["batch"])], {"one": np.array(1)}, ml=3,
    )  # fmt: skip
    found = facts_of(made).domains["x"]
    assert found.columns[0] == ()
    assert set(found.columns[1]) >= {"a", "b"}


# -- sizes -----------------------------------------------------------------------------------------------------

TEXTS = {"x": (FLOAT, ["batch", "time", 4])}


def test_a_size_that_is_compared_is_told() -> None:
    nodes = [
        node("Shape", ["x"], ["s"], start=1, end=2), node("Squeeze", ["s", "first"], ["n"]),
        node("Greater", ["n", "most"], ["y"]),
    ]  # fmt: skip
    found = facts(nodes, TEXTS, (BOOL, []), first=np.array([0]), most=np.array(100))
    assert found.compared == {"x": (100, 101)}
    assert InputFacts.from_json(found.to_json()) == found


def test_positions_that_are_compared_are_no_size() -> None:
    nodes = [
        node("Shape", ["x"], ["s"], start=1, end=2), node("Squeeze", ["s", "first"], ["n"]),
        node("Range", ["zero", "n", "one"], ["r"]), node("Greater", ["r", "most"], ["y"]),
    ]  # fmt: skip
    numbers = {"first": np.array([0]), "zero": np.array(0), "one": np.array(1), "most": np.array(100)}
    assert facts(nodes, TEXTS, (BOOL, ["time"]), **numbers).compared == {}


def test_a_fused_decoder_says_how_far_its_cache_is_filled() -> None:
    attention = node(
        "GroupQueryAttention", ["q", "q", "q", "past", "past", "held", "total"], ["y", "", ""],
        domain="com.microsoft", num_heads=2, kv_num_heads=2,
    )  # fmt: skip
    nodes = [
        node("ReduceSum", ["mask", "one"], ["n"], keepdims=0), node("Sub", ["n", "first"], ["n1"]),
        node("Cast", ["n1"], ["held"], to=6), attention,
    ]  # fmt: skip
    inputs = [
        value("q", FLOAT, ["batch", "new", 16]), value("past", FLOAT, ["batch", 2, "past_length", 8]),
        value("mask", INT, ["batch", "all"]), value("total", 6, []),
    ]  # fmt: skip
    constants = {"one": np.array([1]), "first": np.array(1)}
    found = facts_of(model(nodes, inputs, [value("y", FLOAT, ["batch", "new", 16])], constants, contrib=1))
    assert (found.domains["mask"].kind, found.domains["mask"].exclude) == ("mask", (0,))
    assert found.domains["total"].exact == ("(past_length) + (new)",)
    assert found.compared == {"q": (1,)}


def test_lengths_reach_the_axis_behind_a_lookup() -> None:
    nodes = [
        node("Gather", ["table", "x"], ["e"]), node("Transpose", ["e"], ["t"], perm=[1, 0, 2]),
        node("GRU", ["t", "W", "R", "", "n"], ["", "y"], hidden_size=2),
    ]  # fmt: skip
    weights = {"table": np.zeros((9, 3), np.float32), "W": np.zeros((1, 6, 3), np.float32)}
    found = facts(
        nodes, {"x": (INT, ["N", "S"]), "n": (6, ["N"])}, (FLOAT, [1, "N", 2]), **weights,
        R=np.zeros((1, 6, 2), np.float32),
    )  # fmt: skip
    assert found.domains["n"].high == "S"


# -- sizes that are fed, before a constant ---------------------------------------------------------------------


def carried(op: Any, output: Any, **constants: Any) -> Any:
    made = model(
        [op, node("Add", ["t", "b"], ["y"])], [value("x", FLOAT, ["batch", 4]), value("s", INT, [2])],
        [value("y", FLOAT, output)], constants,
    )  # fmt: skip
    return carried_back(made.graph, {"y": tuple(output)}).get("t")


def test_what_is_added_says_how_large_a_fed_result_is() -> None:
    tile = node("Tile", ["x", "s"], ["t"])
    row = np.zeros((1, 12), np.float32)
    assert carried(tile, ["batch", 12], b=row) == ("batch", 12)
    assert carried(tile, ["batch", None], b=row) == ("batch", 12)


def test_of_a_result_whose_size_is_not_fed_nothing_is_said() -> None:
    tile = node("Tile", ["x", "k"], ["t"])
    assert carried(tile, ["batch", 12], b=np.zeros((1, 12), np.float32), k=np.array([1, 3])) is None


def test_an_operator_of_another_domain_is_no_reader() -> None:
    graph = helper.make_graph(
        [node("Tile", ["x", "s"], ["t"]), node("Add", ["t", "b"], ["y"], domain="own")], "g",
        [value("x", FLOAT, [1, 4]), value("s", INT, [2])], [value("y", FLOAT, [1, 12])],
    )  # fmt: skip
    assert "t" not in carried_back(graph, {"y": (1, 12)})


def masking(axis: int) -> InputFacts:
    nodes = [
        node("Equal", ["x", "zero"], ["e"]), node("Not", ["e"], ["n"]), node("Cast", ["n"], ["c"], to=6),
        node("ReduceMax", ["c", "axis"], ["y"]),
    ]  # fmt: skip
    shape = ["batch", 1, 4] if axis == 1 else ["batch", "time", 1]
    return facts(nodes, TEXTS, (6, shape), zero=np.float32(0), axis=np.array([axis]))


def test_steps_of_which_all_features_are_a_number_are_padding() -> None:
    found = masking(-1)
    assert found.domains["x"].filled == (0,)
    assert InputFacts.from_json(found.to_json()) == found
    assert masking(1).domains["x"].filled == (), "over time nothing is padding"


# -- limits of what is computed of an input --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "near"), [("Abs", {50.0, -50.0}), ("Sqrt", {47.5**2, 52.5**2}), ("Exp", {math.log(47.5)}), ("Log", set())]
)
def test_numbers_for_which_a_curve_comes_to_its_limit(op: str, near: set[float]) -> None:
    """A logarithm of 50 is one of numbers that nobody feeds; only Abs is put on the limit itself."""
    found = facts(
        [node(op, ["x"], ["v"]), node("Greater", ["v", "k"], ["y"])], ROW, (BOOL, ["batch", 4]), k=np.float32(50)
    )
    points = found.domains["x"].points if "x" in found.domains else ()
    assert near <= set(points)
    assert not {50.0**2, math.log(50.0)} & set(points)


def test_a_curve_goes_back_through_sums_and_products() -> None:
    nodes = [
        node("Abs", ["x"], ["a"]), node("Mul", ["a", "two"], ["m"]), node("Sub", ["one", "m"], ["v"]),
        node("Less", ["v", "k"], ["y"]),
    ]  # fmt: skip
    constants = {"one": np.float32(1), "two": np.float32(2), "k": np.float32(-99)}
    found = facts(nodes, ROW, (BOOL, ["batch", 4]), **constants).domains["x"].points
    assert {round(abs(float(point)), 3) for point in found} == {47.525, 52.475}


def test_two_inputs_are_told_of_the_limit_of_their_difference() -> None:
    nodes = [node("Sub", ["a", "b"], ["v"]), node("Greater", ["v", "k"], ["y"])]
    found = facts(nodes, TWO, (BOOL, ["batch"]), k=np.array(500)).domains
    assert 500 in found["a"].points
    assert -500 in found["b"].points


MEAN = {"a": np.array([1])}


@pytest.mark.parametrize(
    ("nodes", "levels"),
    [
        ([node("ReduceMean", ["x", "a"], ["v"])], {21.0, 19.0}),
        ([node("ReduceSum", ["x", "a"], ["v"])], {5.25, 4.75}),
        ([node("ReduceMax", ["x", "a"], ["v"])], {21.0, 19.0}),
        ([node("Neg", ["x"], ["n"]), node("ReduceMean", ["n", "a"], ["v"])], {-21.0, -19.0}),
        ([node("Mul", ["x", "x"], ["s"]), node("ReduceMean", ["s", "a"], ["v"])], {21**0.5, -(21**0.5), 19**0.5}),
        ([node("ReduceL1", ["x", "a"], ["v"])], {5.25, -5.25, 4.75}),
    ],
)
def test_a_limit_of_many_elements_is_a_level_of_all(nodes: list[Any], levels: set[float]) -> None:
    found = facts([*nodes, node("Min", ["v", "k"], ["y"])], ROW, (FLOAT, ["batch", 1]), **MEAN, k=np.float32(20))
    told = found.domains["x"].levels
    assert all(any(math.isclose(level, one, rel_tol=1e-6) for one in told) for level in levels), told


def test_a_level_next_to_which_engines_differ_is_left_out() -> None:
    nodes = [node("ReduceMean", ["x", "a"], ["v"]), node("Greater", ["v", "k"], ["y"])]
    assert 20.0 not in facts(nodes, ROW, (BOOL, ["batch", 1]), **MEAN, k=np.float32(20)).domains["x"].levels


def test_a_sum_of_a_length_that_is_open_says_nothing() -> None:
    nodes = [node("ReduceSum", ["x", "a"], ["v"]), node("Min", ["v", "k"], ["y"])]
    found = facts(nodes, {"x": (FLOAT, ["batch", "time"])}, (FLOAT, ["batch", 1]), **MEAN, k=np.float32(20))
    assert "x" not in found.domains


@pytest.mark.parametrize(
    ("nodes", "sizes"),
    [
        ([node("Size", ["x"], ["s"])], (10, 11)),
        ([node("Shape", ["x"], ["h"]), node("ReduceProd", ["h"], ["s"], keepdims=0)], (10, 11)),
        ([node("Shape", ["x"], ["h"], start=1, end=2), node("Div", ["h", "two"], ["s"])], (80, 82)),
        ([node("Shape", ["x"], ["h"], start=1, end=2), node("Sub", ["h", "two"], ["s"])], (42, 43)),
    ],
)
def test_how_many_elements_there_are(nodes: list[Any], sizes: tuple[int, ...]) -> None:
    shape = {"x": (FLOAT, [1, "time", 4])}
    found = facts([*nodes, node("Greater", ["s", "k"], ["y"])], shape, (BOOL, []), k=np.array(40), two=np.array(2))
    assert found.compared["x"] == sizes


@pytest.mark.parametrize(("op", "limited"), [("Relu", False), ("Clip", True), ("HardSwish", True)])
def test_what_layers_compute_meets_a_limit(op: str, limited: bool) -> None:
    more = ["none", "six"] if op == "Clip" else []
    nodes = [node("MatMul", ["x", "w"], ["h"]), node(op, ["h", *more], ["y"])]
    held = {"none": np.float32(0), "six": np.float32(6)} if more else {}
    assert facts(nodes, ROW, OUT, w=np.ones((4, 4), np.float32), **held).limited is limited
