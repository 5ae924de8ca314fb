"""Re-freezing by copies of the graph, in Scan or unrolled: right, wrong and not applicable."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from pytest_onnxaccel.graph.rebatch.join import concat, same, stack
from pytest_onnxaccel.graph.rebatch.rebatch import methods, rebatch
from suites.rebatch.proof import session
from suites.unit.graph.rebatch.rebatching import Save, const, node, only, relu, saver, value, verdict, verdicts, weights


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a model of one input ``x`` (unless told otherwise) and gives its path."""
    return saver(tmp_path)


def test_copies_keep_names_order_and_kinds_of_outputs(save: Save) -> None:
    nodes = [
        node("Relu", ["x"], ["b"]),
        node("ReduceSum", ["x", "axes"], ["a"], keepdims=0),
        node("Identity", ["table"], ["t"]),
        node("Shape", ["x"], ["s"]),
        node("Transpose", ["x"], ["last"], perm=[1, 0]),
    ]
    outputs = {"b": [1, 4], "a": [], "t": [3], "s": value("s", [2], TensorProto.INT64), "last": [4, 1]}
    path = save(nodes, {"x": [1, 4]}, outputs, [const("axes", [0, 1]), weights("table", 3)])
    for method in ("scan", "unroll"):
        done = rebatch(path, path + ".new", 3, method)
        assert done["outputs"] == {"b": concat(0), "a": stack(), "t": same(), "s": same(), "last": concat(1)}
        assert [(o.name, o.shape) for o in session(path + ".new").get_outputs()] == [
            ("b", [3, 4]),
            ("a", [3]),
            ("t", [3]),
            ("s", [2]),
            ("last", [4, 3]),
        ]
        assert verdict(path, method) == "proven"


def test_an_input_handed_on_as_output(save: Save) -> None:
    path = save([node("Relu", ["x"], ["y"])], {"x": [1, 4]}, {"y": [1, 4], "x": [1, 4]})
    assert verdict(path, "scan") == verdict(path, "unroll") == "proven"


@pytest.mark.parametrize("method", ["scan", "unroll"])
def test_copies_are_refuted_for_a_random_graph(save: Save, method: str) -> None:
    nodes = [node("RandomNormalLike", ["x"], ["r"]), node("Add", ["x", "r"], ["y"])]
    assert "another result" in verdict(save(nodes, {"x": [1, 4]}, {"y": [1, 4]}), method)


@pytest.mark.parametrize("opset", [7, 8])
def test_scan_needs_opset_9(save: Save, opset: int) -> None:
    path = relu(save, opset=opset, ir=3)
    assert "no Scan" in verdict(path, "scan")
    assert methods(path) == ["dims", "unroll"]
    assert verdicts(path) == only("dims", "rewrite", "unroll")


def test_blocks_of_the_original_batch(save: Save) -> None:
    """Batch 2 with a row for each sample: blocks of 2 are right, and so are repeated rows."""
    nodes = [
        node("Reshape", ["x", "to"], ["h"]),
        node("Add", ["h", "rows"], ["i"]),
        node("Transpose", ["i"], ["y"], perm=[1, 0, 2]),
    ]
    constants = [const("to", [2, 2, 2]), weights("rows", 2, 1, 2)]
    path = save(nodes, {"x": [2, 4]}, {"y": [2, 2, 2]}, constants)
    assert verdicts(path, 6, 2) == only("rewrite", "scan", "unroll", wrong=["dims"])
    assert rebatch(path, path + ".new", 6, "scan")["block"] == 2
    for method in ("scan", "unroll"):
        assert "3 is not a multiple" in verdict(path, method, 3, 2)
    assert "rows" in verdict(path, "rewrite", 3, 2)


def test_unroll_refuses_what_no_runtime_loads(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_onnxaccel.graph.rebatch.methods.unroll.NODE_LIMIT", 5)
    assert "passes the limit" in verdict(relu(save), "unroll", 6)


def test_its_own_batch_is_the_model_itself(save: Save) -> None:
    nodes = [node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)]
    path = save(nodes, {"x": [1, 4]}, {"y": [4]}, [const("axes", [0])])
    assert verdict(path, "dims", 1) == verdict(path, "scan", 1) == verdict(path, "unroll", 1) == "proven"


@pytest.mark.parametrize(("opset", "ir"), [(7, 3), (9, 4), (11, 6), (12, 7), (13, 7), (18, 8), (21, 10), (26, 13)])
def test_every_opset_and_ir(save: Save, opset: int, ir: int) -> None:
    new = opset >= 18  # axes became an input
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        node("Reshape", ["c", "to"], ["r"]),
        node("ReduceMax", ["x", "axes"], ["top"]) if new else node("ReduceMax", ["x"], ["top"], axes=[1, 2, 3]),
        node("Concat", ["r", "rows"], ["y"], axis=1),
    ]
    axes = [const("axes", [1, 2, 3])] if new else []
    constants = [weights("w", 2, 3, 3, 3), const("to", [1, -1]), weights("rows", 1, 2), *axes]
    outputs = {"y": [1, 34], "top": [1, 1, 1, 1]}
    path = save(nodes, {"x": [1, 3, 4, 4]}, outputs, constants, opset=opset, ir=ir)
    wanted = only("rewrite", "scan", "unroll", wrong=["dims"])
    assert verdicts(path) == (wanted | {"scan": "n/a"} if opset < 9 else wanted)
    rebatch(path, path + ".new", 3)
    model = onnx.load(path + ".new")
    assert (model.ir_version, model.opset_import[0].version) == (ir, opset)
    onnx.checker.check_model(model)
