"""Each method of re-freezing on hand-made graphs: right, wrong and not applicable."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.errors import ModelError
from pytest_onnxaccel.graph import rebatch_files
from pytest_onnxaccel.graph.rebatch import METHODS, diagnose, methods, rebatch
from pytest_onnxaccel.graph.rebatch_join import concat, joined, same, stack
from suites.rebatch.proof import Original, prove, session

FLOAT = TensorProto.FLOAT
node = helper.make_node
Save = Callable[..., str]


def const(name: str, value: Any, dtype: Any = np.int64) -> TensorProto:
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def weights(name: str, *shape: int) -> TensorProto:
    return const(name, np.random.default_rng(len(name)).standard_normal(shape), np.float32)


def value(name: str, shape: Sequence[int | str | None] | None, elem: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, elem, shape)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a model of one input ``x`` (unless told otherwise) and gives its path."""

    def write(
        nodes: Sequence[NodeProto],
        inputs: Any,
        outputs: Any,
        constants: Sequence[TensorProto] = (),
        *,
        opset: int = 17,
        ir: int = 8,
        info: Sequence[onnx.ValueInfoProto] = (),
        functions: Sequence[onnx.FunctionProto] = (),
        listed: bool = False,
    ) -> str:
        ins = [value(n, s) if isinstance(s, list | tuple) else s for n, s in inputs.items()]
        outs = [value(n, s) if isinstance(s, list | tuple) or s is None else s for n, s in outputs.items()]
        if listed:
            ins += [value(t.name, list(t.dims), t.data_type) for t in constants]
        graph = helper.make_graph(list(nodes), "g", ins, outs, list(constants), value_info=list(info))
        imports = [helper.make_opsetid("", opset), *([helper.make_opsetid("own", 1)] if functions else [])]
        model = helper.make_model(graph, opset_imports=imports, ir_version=ir, functions=list(functions))
        path = tmp_path / f"model{len(list(tmp_path.iterdir()))}.onnx"
        onnx.save(model, path)
        return str(path)

    return write


def verdict(path: str, method: str, n: int = 3, block: int = 1) -> str:
    """``proven``, or what the proof says, or the cause why the method does not apply."""
    target = f"{path}.{method}{n}"
    try:
        done = rebatch(path, target, n, method)
    except ModelError as error:
        if error.code != "V_BATCH":
            raise
        return f"n/a: {error.cause}"
    json.dumps(done)
    assert done["method"] == method
    return prove(Original(path, n // block, block), target, n, done["outputs"]) or "proven"  # type: ignore[arg-type]


def verdicts(path: str, n: int = 3, block: int = 1) -> dict[str, str]:
    """One word by method: proven, wrong or n/a."""
    found = {m: verdict(path, m, n, block) for m in METHODS}
    return {m: v if v == "proven" else v[:3] if v.startswith("n/a") else "wrong" for m, v in found.items()}


def only(*proven: str, wrong: Sequence[str] = ()) -> dict[str, str]:
    return {m: "proven" if m in proven else "wrong" if m in wrong else "n/a" for m in METHODS}


def relu(save: Save, batch: int | str | None = 1, **more: Any) -> str:
    return save([node("Relu", ["x"], ["y"])], {"x": [batch, 4]}, {"y": [batch, 4]}, **more)


# fixed


@pytest.mark.parametrize("batch", ["N", None])
def test_fixed_sets_a_dynamic_batch(save: Save, batch: str | None) -> None:
    path = relu(save, batch, info=[])
    assert verdicts(path) == only("fixed", "rewrite", "scan", "unroll")
    assert methods(path) == ["fixed", "scan", "unroll"]
    done = rebatch(path, path + ".new", 5)
    assert (done["method"], done["batch_from"]) == ("fixed", batch)
    assert "input 'x': " in done["edited"][0]  # type: ignore[index]
    for found in (session(path + ".new").get_inputs()[0], session(path + ".new").get_outputs()[0]):
        assert found.shape == [5, 4]


def test_fixed_replaces_the_symbol_everywhere(save: Save) -> None:
    nodes = [node("Relu", ["x"], ["h"]), node("Relu", ["h"], ["y"])]
    path = save(nodes, {"x": ["N", 4]}, {"y": ["N", 4]}, info=[value("h", ["N", 4])])
    rebatch(path, path + ".new", 5, "fixed")
    assert b"N" not in {d.dim_param.encode() for v in _values(path + ".new") for d in v.type.tensor_type.shape.dim}


def test_fixed_is_wrong_when_the_graph_bakes_a_batch_of_one(save: Save) -> None:
    nodes = [node("Reshape", ["x", "to"], ["y"])]
    path = save(nodes, {"x": ["N", 2, 4]}, {"y": [None, None]}, [const("to", [1, -1])])
    assert verdicts(path) == only("rewrite", "scan", "unroll", wrong=["fixed"])
    assert methods(path) == ["fixed", "rewrite", "scan", "unroll"]


def test_fixed_does_not_apply_to_a_fixed_batch(save: Save) -> None:
    assert "fixed at 1" in verdict(relu(save), "fixed")


# dims


def test_dims_is_enough_for_a_plain_graph(save: Save) -> None:
    path = relu(save)
    assert verdicts(path) == only("dims", "rewrite", "scan", "unroll")
    done = rebatch(path, path + ".new", 10)
    assert done["method"] == "dims"
    assert done["edited"] == ["input 'x': 1x4 -> 10x4", "output 'y': 1x4 -> 10x4"]
    assert done["holds_batch"] == []


def test_dims_alone_is_refuted_by_the_shape(save: Save) -> None:
    """As the simplified detector: it runs without an error, and gives one sample of N times as many rows."""
    path = save([node("Reshape", ["x", "to"], ["y"])], {"x": [1, 6, 2]}, {"y": [1, 3, 4]}, [const("to", [1, -1, 4])])
    assert "shape (1, 9, 4), not (3, 3, 4)" in verdict(path, "dims")
    assert methods(path) == ["rewrite", "scan", "unroll"]


def test_dims_does_not_apply_to_a_dynamic_batch(save: Save) -> None:
    assert "dynamic (N)" in verdict(relu(save, "N"), "dims")


def test_stale_shapes_inside_are_corrected(save: Save) -> None:
    nodes = [node("Relu", ["x"], ["h"]), node("Relu", ["h"], ["y"])]
    path = save(nodes, {"x": [1, 4]}, {"y": [1, 4]}, info=[value("h", [1, 4])])
    rebatch(path, path + ".new", 5, "dims")
    assert [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in _values(path + ".new")] == [[5, 4]] * 3


# rewrite


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
    path = save(nodes, {"x": [1, 8]}, {"y": [1, 2, 4]}, [const("to", [1, 2, 4])], opset=9, ir=3, listed=True)
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


# scan and unroll


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
        assert "3 is no multiple" in verdict(path, method, 3, 2)
    assert "rows" in verdict(path, "rewrite", 3, 2)


def test_unroll_refuses_what_no_runtime_loads(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_onnxaccel.graph.rebatch_unroll.NODE_LIMIT", 5)
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
    path = save(nodes, {"x": [1, 3, 4, 4]}, outputs, constants, opset=opset, ir=ir, listed=ir == 3)
    wanted = only("rewrite", "scan", "unroll", wrong=["dims"])
    assert verdicts(path) == (wanted | {"scan": "n/a"} if opset < 9 else wanted)
    rebatch(path, path + ".new", 3)
    model = onnx.load(path + ".new")
    assert (model.ir_version, model.opset_import[0].version) == (ir, opset)
    onnx.checker.check_model(model)


# Subgraphs and functions


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
    path = save(nodes, {"x": [1, 2, 4]}, {"y": [1, 8]}, [const("to", [1, 8])], info=[value("h", [1, 2, 4])])
    assert [h["op"] for h in diagnose(path)] == ["Reshape"]


# The inputs


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"x": [1, 4], "z": [2, 4]}, "'x' has 1, 'z' has 2"),
        ({"x": ["N", 4], "z": ["M", 4]}, "'x' has N, 'z' has M"),
        ({"x": [1, 4], "z": []}, "input 'z' has rank 0"),
        ({"x": [1, 4], "z": value("z", None)}, "input 'z' declares no shape"),
        ({"x": [0, 4]}, "batch 0"),
        ({}, "takes no inputs"),
        ({"x": helper.make_tensor_sequence_value_info("x", FLOAT, [1])}, "input 'x' is no dense tensor"),
    ],
)
def test_inputs_without_a_common_batch(save: Save, inputs: Any, said: str) -> None:
    first = next(iter(inputs), "c")
    path = save([node("Identity", [first], ["y"])], inputs, {"y": None}, [] if inputs else [weights("c", 1, 4)])
    for attempt in (lambda: rebatch(path, path + ".new", 3), lambda: methods(path), lambda: diagnose(path)):
        with pytest.raises(ModelError, match=said) as caught:
            attempt()
        assert caught.value.code == "V_BATCH"
    assert not Path(path + ".new").exists()


@pytest.mark.parametrize(("batch", "method"), [(0, "auto"), (-1, "dims"), (3, "magic")])
def test_requests_that_make_no_sense(save: Save, batch: int, method: str) -> None:
    with pytest.raises(ModelError) as caught:
        rebatch(relu(save), "unused", batch, method)
    assert caught.value.code == "V_BATCH"


def test_several_inputs_share_the_batch(save: Save) -> None:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Concat", ["h", "z"], ["y"], axis=1)]
    path = save(nodes, {"x": [1, 4], "z": [1, 2]}, {"y": [1, 5]}, [weights("w", 4, 3)])
    assert verdicts(path) == only("dims", "rewrite", "scan", "unroll")


# Files


def large_model(folder: Path, threshold: int = 1024) -> Path:
    """A model with tensors from *threshold* bytes on in a file of their own."""
    graph = helper.make_graph(
        [node("MatMul", ["x", "w"], ["h"]), node("Reshape", ["h", "to"], ["y"])],
        "g",
        [value("x", [1, 40])],
        [value("y", [1, 5, 8])],
        [weights("w", 40, 40), const("to", [1, 5, 8])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder.mkdir()
    path = folder / "m.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=threshold)
    return path


@pytest.mark.parametrize("limit", [1 << 30, 100])
@pytest.mark.parametrize("method", ["rewrite", "scan", "unroll"])
def test_external_data_comes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, method: str) -> None:
    monkeypatch.setattr(rebatch_files, "ONE_FILE_LIMIT", limit)
    path, target = large_model(tmp_path / "source"), tmp_path / "new" / "m3.onnx"
    target.parent.mkdir()
    original = Original(path, 3)
    done = rebatch(str(path), str(target), 3, method)
    shutil.rmtree(path.parent)
    assert [p.name for p in sorted(target.parent.iterdir())] == ["m3.onnx"] + ["m3.onnx.data"] * (limit == 100)
    assert prove(original, target, 3, done["outputs"]) == ""  # type: ignore[arg-type]


def test_small_tensors_in_external_files_are_looked_at_too(tmp_path: Path) -> None:
    path, target = large_model(tmp_path / "source", 0), tmp_path / "m3.onnx"
    assert [h["op"] for h in diagnose(str(path))] == ["Reshape"]
    done = rebatch(str(path), str(target), 3)
    assert done["method"] == "rewrite"
    assert prove(Original(large_model(tmp_path / "other"), 3), target, 3, done["outputs"]) == ""  # type: ignore[arg-type]


def test_large_inline_tensors_move_out_of_a_file_past_the_limit(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebatch_files, "ONE_FILE_LIMIT", 100)
    path = save([node("MatMul", ["x", "w"], ["y"])], {"x": [1, 40]}, {"y": [1, 40]}, [weights("w", 40, 40)])
    assert verdict(path, "unroll") == "proven"
    assert Path(path + ".unroll3.data").stat().st_size == 6400


@pytest.mark.parametrize("place", ["../weights.bin", "/etc/hostname", "missing.bin"])
def test_external_data_outside_the_folder_is_refused(tmp_path: Path, place: str) -> None:
    path = large_model(tmp_path / "source")
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = place
    shutil.copy(path.parent / "weights.bin", tmp_path)
    bad = path.with_name("bad.onnx")
    bad.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError) as caught:
        rebatch(str(bad), str(tmp_path / "new.onnx"), 3)
    assert caught.value.code == "E_EXTERNAL"


def test_the_source_stays_as_it_is(save: Save) -> None:
    path = save([node("Reshape", ["x", "to"], ["y"])], {"x": [1, 8]}, {"y": [1, 2, 4]}, [const("to", [1, 2, 4])])
    before = Path(path).read_bytes()
    for method in ("rewrite", "dims", "scan", "unroll", "rewrite"):
        rebatch(path, f"{path}.{method}", 3, method)
    assert Path(path).read_bytes() == before
    assert verdict(path, "rewrite") == "proven"


# Joins


def test_joins() -> None:
    parts = [np.full((2, 3), i, np.float32) for i in range(4)]
    shapes = [np.shape(joined(parts, how)) for how in (concat(0), concat(1), stack())]
    assert shapes == [(8, 3), (2, 12), (4, 2, 3)]
    assert joined(parts, same()) is None
    assert joined([parts[0], parts[0]], same()) is parts[0]
    assert joined([parts[0], parts[0][:1]], concat(0)) is None
    assert joined(parts[:1], stack()) is parts[0]


def _values(path: str) -> list[onnx.ValueInfoProto]:
    graph = onnx.load(path).graph
    return [*graph.input, *graph.value_info, *graph.output]
