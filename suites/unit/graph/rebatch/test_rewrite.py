"""Re-freezing by rewriting constants, subgraphs and functions: right, wrong and not applicable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.graph.rebatch.join import concat
from pytest_onnxaccel.graph.rebatch.rebatch import diagnose, methods, rebatch
from suites.rebatch.proof import session
from suites.unit.graph.rebatch.rebatching import Save, const, node, only, saver, value, verdict, verdicts, weights


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a model of one input ``x`` (unless told otherwise) and gives its path."""
    return saver(tmp_path)


def test_rewrite_copies_a_constant_that_another_node_shares(save: Save) -> None:
    nodes = [
        node("Reshape", ["x", "to"], ["a"], name="first"),
        node("Reshape", ["table", "to"], ["b"], name="second"),
        node("Add", ["a", "b"], ["y"]),
    ]
    constants = [const("to", [1, 2, 4]), weights("table", 8)]
    path = save(nodes, {"x": [1, 8]}, {"y": [1, 2, 4]}, constants)
    assert verdicts(path) == only("rewrite", "scan", "unroll", wrong=["dims"])
    assert diagnose(path) == [
        {"node": "first", "op": "Reshape", "why": "its operand 'to' is [1, 2, 4], which fixes the batch at 1"}
    ]
    done = rebatch(path, path + ".new", 3, "rewrite")
    assert "Reshape 'first': [1, 2, 4] -> [3, 2, 4]" in done["edited"]  # type: ignore[operator]
    kept = {t.name: numpy_helper.to_array(t).tolist() for t in onnx.load(path + ".new").graph.initializer}
    assert kept["to"] == [1, 2, 4]


def test_rewrite_changes_initializers_that_are_inputs_too(save: Save) -> None:
    nodes = [node("Reshape", ["x", "to"], ["y"])]
    path = save(nodes, {"x": [1, 8]}, {"y": [1, 2, 4]}, [const("to", [1, 2, 4])], opset=9, ir=3)
    assert verdicts(path) == only("rewrite", "scan", "unroll", wrong=["dims"])
    rebatch(path, path + ".new", 3, "rewrite")
    model = onnx.load(path + ".new")
    assert [v.name for v in model.graph.input] == ["x"]
    assert model.ir_version == 3


CONSTANT_CASES: dict[str, tuple[list[NodeProto], list[TensorProto], list[int]]] = {
    "constant node": (
        [node("Constant", [], ["to"], value=const("", [1, 12])), node("Reshape", ["x", "to"], ["y"])],
        [],
        [1, 12],
    ),
    "expand": (
        [node("Reshape", ["x", "r"], ["h"]), node("Expand", ["h", "to"], ["y"])],
        [const("r", [1, 1, 12]), const("to", [1, 5, 12])],
        [1, 5, 12],
    ),
    "resize": (
        [node("Resize", ["x", "", "", "to"], ["y"], mode="nearest")],
        [const("to", [1, 3, 4, 6])],
        [1, 3, 4, 6],
    ),
    "slice": (
        [node("Slice", ["x", "from", "to", "axes"], ["y"])],
        [const("from", [0, 1]), const("to", [1, 3]), const("axes", [0, 1])],
        [1, 2, 2, 2],
    ),
    "row per sample": (
        [node("Concat", ["x", "rows"], ["y"], axis=2)],
        [weights("rows", 1, 3, 1, 2)],
        [1, 3, 3, 2],
    ),
    "computed target": (
        [
            node("Shape", ["x"], ["s"]),
            node("Gather", ["s", "one"], ["c"]),
            node("Concat", ["n", "c", "m"], ["to"], axis=0),
            node("Reshape", ["x", "to"], ["y"]),
        ],
        [const("one", [1]), const("n", [1]), const("m", [-1])],
        [1, 3, 4],
    ),
    "merged and back": (
        [
            node("Reshape", ["x", "a"], ["h"]),
            node("Softmax", ["h"], ["i"], axis=-1),
            node("Reshape", ["i", "b"], ["y"]),
        ],
        [const("a", [3, 4]), const("b", [1, 3, 2, 2])],
        [1, 3, 2, 2],
    ),
    "behind another axis": (
        [
            node("Reshape", ["x", "a"], ["h"]),
            node("Transpose", ["h"], ["t"], perm=[1, 0, 2]),
            node("Reshape", ["t", "b"], ["i"]),
            node("Softmax", ["i"], ["j"], axis=-1),
            node("Reshape", ["j", "c"], ["y"]),
        ],
        [const("a", [1, 3, 4]), const("b", [3, 4]), const("c", [3, 1, 4])],
        [3, 1, 4],
    ),
    "grid": ([node("GridSample", ["x", "grid"], ["y"])], [weights("grid", 1, 2, 2, 2)], [1, 3, 2, 2]),
}


@pytest.mark.parametrize("name", CONSTANT_CASES)
def test_rewrite_moves_the_batch_in_constants(save: Save, name: str) -> None:
    nodes, constants, shape = CONSTANT_CASES[name]
    path = save(nodes, {"x": [1, 3, 2, 2]}, {"y": shape}, constants)
    found = verdicts(path, 10)
    assert found["rewrite"] == found["scan"] == found["unroll"] == "proven"
    if found["dims"] != "proven":
        assert methods(path)[0] == "rewrite"


def test_rewrite_repeats_the_first_state_of_a_recurrent_node(save: Save) -> None:
    constants = [
        weights("w", 1, 16, 3),
        weights("r", 1, 16, 4),
        weights("h0", 1, 1, 4),
        weights("c00", 1, 1, 4),
    ]
    nodes = [node("LSTM", ["x", "w", "r", "", "", "h0", "c00"], ["", "h"], hidden_size=4, layout=0)]
    swap = [node("Transpose", ["seq"], ["x"], perm=[1, 0, 2])]
    path = save([*swap, *nodes], {"seq": [1, 5, 3]}, {"h": [1, 1, 4]}, constants)
    assert verdicts(path) == only("rewrite", "scan", "unroll", wrong=["dims"])
    assert rebatch(path, path + ".new", 3, "scan")["outputs"] == {"h": {"join": "concat", "axis": 1}}
    assert session(path + ".new").get_outputs()[0].shape == [1, 3, 4]


def test_rewrite_leaves_right_what_is_right(save: Save) -> None:
    path = save([node("Reshape", ["x", "to"], ["y"])], {"x": [1, 2, 4]}, {"y": [1, 8]}, [const("to", [0, -1])])
    assert methods(path) == ["dims", "scan", "unroll"]
    assert diagnose(path) == []
    assert verdicts(path) == only("dims", "rewrite", "scan", "unroll")


def test_rewrite_is_wrong_where_samples_are_picked_by_arithmetic(save: Save) -> None:
    """Rows of all samples in one table, and an index without the sample's number: only a proof tells."""
    nodes = [
        node("ArgMax", ["x"], ["best"], axis=1, keepdims=0),
        node("Reshape", ["x", "flat"], ["table"]),
        node("Gather", ["table", "best"], ["y"], axis=0),
    ]
    path = save(nodes, {"x": [1, 5]}, {"y": [1]}, [const("flat", [-1])])
    assert verdicts(path) == only("scan", "unroll", wrong=["dims", "rewrite"])


MIXERS: dict[str, tuple[list[NodeProto], list[TensorProto]]] = {
    "Softmax": ([node("Softmax", ["x"], ["y"], name="mixer", axis=0)], []),
    "ReduceMean": ([node("ReduceMean", ["x"], ["m"], name="mixer"), node("Sub", ["x", "m"], ["y"])], []),
    "CumSum": ([node("CumSum", ["x", "axis"], ["y"], name="mixer")], [const("axis", 0)]),
    "Gather": (
        [node("Gather", ["x", "first"], ["h"], name="mixer"), node("Add", ["h", "x"], ["y"])],
        [const("first", [0])],
    ),
    "MatMul": (
        [
            node("Transpose", ["x"], ["t"]),
            node("MatMul", ["x", "t"], ["s"], name="mixer"),
            node("MatMul", ["s", "x"], ["y"]),
        ],
        [],
    ),
    "TopK": ([node("TopK", ["x", "k"], ["y", "i"], name="mixer", axis=0)], [const("k", [1])]),
}


@pytest.mark.parametrize("op", MIXERS)
def test_rewrite_names_the_node_that_works_across_samples(save: Save, op: str) -> None:
    nodes, constants = MIXERS[op]
    path = save(nodes, {"x": [1, 4]}, {"y": [1, 4]}, constants)
    assert verdict(path, "rewrite").startswith(f"n/a: node 'mixer' ({op}) stops a rewrite")
    assert verdict(path, "dims") != "proven"
    assert verdict(path, "scan") == verdict(path, "unroll") == "proven"
    assert methods(path) == ["scan", "unroll"]
    assert {"mixer"} == {h["node"] for h in diagnose(path)}


def test_softmax_of_old_opsets_flattens_from_its_axis_on(save: Save) -> None:
    nodes = [node("Transpose", ["x"], ["t"], perm=[1, 0]), node("Softmax", ["t"], ["y"], axis=0)]
    assert methods(save(nodes, {"x": [1, 4]}, {"y": [4, 1]}, opset=11)) == ["scan", "unroll"]
    assert methods(save(nodes, {"x": [1, 4]}, {"y": [4, 1]}, opset=13)) == ["dims", "scan", "unroll"]


def body(nodes: Sequence[NodeProto], inputs: Sequence[Any], outputs: Sequence[Any]) -> GraphProto:
    return helper.make_graph(list(nodes), "body", list(inputs), list(outputs))


def test_if_branches_that_see_the_outside(save: Save) -> None:
    then = body([node("Reshape", ["x", "to"], ["a"])], [], [value("a", [1, 8])])
    other = body([node("Neg", ["h"], ["n"]), node("Reshape", ["n", "to"], ["b"])], [], [value("b", [1, 8])])
    nodes = [
        node("Relu", ["x"], ["h"]),
        node("If", ["yes"], ["y"], then_branch=then, else_branch=other),
    ]
    for yes in (True, False):
        constants = [const("to", [1, 8]), const("yes", yes, np.bool_)]
        path = save(nodes, {"x": [1, 2, 4]}, {"y": [1, 8]}, constants)
        assert verdicts(path) == only("rewrite", "scan", "unroll", wrong=["dims"])


def test_loop_whose_state_starts_as_a_row_for_one_sample(save: Save) -> None:
    states = [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("h", [1, 4])]
    steps = [
        node("Add", ["h", "x"], ["sum"]),
        node("Identity", ["go"], ["on"]),
        node("Tanh", ["sum"], ["h2"]),
        node("Identity", ["h2"], ["seen"]),
    ]
    results = [value("on", [], TensorProto.BOOL), value("h2", [1, 4]), value("seen", [1, 4])]
    nodes = [node("Loop", ["count", "", "zero"], ["y", "all"], body=body(steps, states, results))]
    constants = [const("count", 3), const("zero", [[0.1, 0.2, 0.3, 0.4]], np.float32)]
    path = save(nodes, {"x": [1, 4]}, {"y": [1, 4], "all": [3, 1, 4]}, constants)
    found = verdicts(path)
    assert found["rewrite"] == found["scan"] == found["unroll"] == "proven"
    assert rebatch(path, path + ".new", 3, "scan")["outputs"]["all"] == concat(1)  # type: ignore[index]


def test_scan_inside_the_graph(save: Save) -> None:
    steps = [node("Add", ["h", "row"], ["h2"]), node("Identity", ["h2"], ["seen"])]
    inner = body(steps, [value("h", [1, 4]), value("row", [1, 4])], [value("h2", [1, 4]), value("seen", [1, 4])])
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        node("Scan", ["zero", "t"], ["y", "all"], body=inner, num_scan_inputs=1),
    ]
    path = save(nodes, {"x": [1, 5, 4]}, {"y": [1, 4], "all": [5, 1, 4]}, [weights("zero", 1, 4)])
    assert verdicts(path)["rewrite"] == verdicts(path)["scan"] == verdicts(path)["unroll"] == "proven"


def test_local_functions_are_inlined_where_constants_in_them_change(save: Save) -> None:
    inside = [node("Constant", [], ["to"], value=const("", [1, 8])), node("Reshape", ["v", "to"], ["w"])]
    function = helper.make_function("own", "Flat", ["v"], ["w"], inside, [helper.make_opsetid("", 17)])
    nodes = [node("Flat", ["x"], ["h"], domain="own"), node("Relu", ["h"], ["y"])]
    path = save(nodes, {"x": [1, 2, 4]}, {"y": [1, 8]}, functions=[function])
    assert verdicts(path) == only("rewrite", "scan", "unroll", wrong=["dims"])
    for method, kept in (("scan", 1), ("unroll", 1), ("rewrite", 0)):
        rebatch(path, path + ".new", 3, method)
        assert len(onnx.load(path + ".new").functions) == kept


def test_an_operator_that_onnx_does_not_know_is_taken_to_keep_samples_apart(save: Save) -> None:
    nodes = [node("Odd", ["x"], ["h"], domain="own"), node("Reshape", ["h", "to"], ["y"])]
    path = save(nodes, {"x": [1, 2, 4]}, {"y": [1, 8]}, [const("to", [1, 8])], value_info=[value("h", [1, 2, 4])])
    assert [h["op"] for h in diagnose(path)] == ["Reshape"]
