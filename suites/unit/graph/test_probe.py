"""What lies between a graph's inputs and outputs, made visible: anatomy, expose, excerpt, contrast, modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from fixtures import faults, graphs
from fixtures.graphs.assembly import assemble, value
from fixtures.running import run
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.probe.anatomy import anatomy
from pytest_onnxaccel.graph.probe.expose import expose
from pytest_onnxaccel.graph.probe.extract import extract
from pytest_onnxaccel.graph.probe.modules import SCOPES, module_of
from pytest_onnxaccel.graph.probe.node_diff import node_diff

IMAGE = np.random.default_rng(0).uniform(-1, 1, (1, 3, 8, 8)).astype(np.float32)


def saved(model: ModelProto, folder: Path, name: str = "model.onnx") -> str:
    (folder / name).write_bytes(model.SerializeToString())
    return str(folder / name)


def branching() -> ModelProto:
    """``x`` 2x3 -> ``y``: an If whose branches read an outer value, and a shape that a constant is made of."""
    body = helper.make_graph(
        [helper.make_node("Neg", ["doubled"], ["negated"], "neg")], "then", [], [value("negated", 2, 3)]
    )
    other = helper.make_graph(
        [helper.make_node("Abs", ["doubled"], ["made"], "abs")], "else", [], [value("made", 2, 3)]
    )
    nodes = [
        helper.make_node("Add", ["x", "x"], ["doubled"], "double"),
        helper.make_node("ReduceSum", ["x"], ["sum"], "sum", keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["positive"], "greater"),
        helper.make_node("If", ["positive"], ["chosen"], "if", then_branch=body, else_branch=other),
        helper.make_node("Shape", ["x"], ["shape"], "shape"),
        helper.make_node("Reshape", ["chosen", "shape"], ["y"], "reshape"),
    ]  # fmt: skip
    return assemble("branching", nodes, [value("x", 2, 3)], [value("y", 2, 3)], {"zero": np.float32(0)})


def test_anatomy_of_a_small_network(tmp_path: Path) -> None:
    found = anatomy(saved(graphs.small_cnn(), tmp_path), {"image": [1, 3, 8, 8]})
    assert (found["inputs"], found["outputs"]) == (["image"], ["logits"])
    assert [node["op"] for node in found["nodes"]] == [
        "Conv", "BatchNormalization", "Relu", "GlobalAveragePool", "Flatten", "Gemm",
    ]  # fmt: skip
    assert found["nodes"][1] == {
        "name": "bn", "op": "BatchNormalization", "inputs": ["convolved"], "outputs": ["normalised"], "module": "bn",
    }  # fmt: skip
    assert found["exposable"] == ["convolved", "normalised", "activated", "pooled", "flat"]
    assert found["values"]["convolved"] == [4 * 8 * 8 * 4, "float32", [1, 4, 8, 8]]
    assert found["left_alone"] == []


def test_anatomy_at_the_batch_that_is_fed(tmp_path: Path) -> None:
    path = saved(graphs.mlp("N"), tmp_path)
    assert anatomy(path, {"x": [5, 4]})["values"]["hidden"] == [5 * 6 * 4, "float32", [5, 6]]
    assert anatomy(path, {})["values"]["hidden"][0] is None


def test_subgraphs_are_left_alone_and_said_so_and_shapes_are_no_data(tmp_path: Path) -> None:
    found = anatomy(saved(branching(), tmp_path), {"x": [2, 3]})
    assert found["left_alone"] == ["If 'if'"]
    inputs = {node["op"]: node["inputs"] for node in found["nodes"]}
    assert inputs["If"] == ["positive", "doubled"], "what the branches capture is read too"
    assert "Shape" not in inputs
    assert inputs["Reshape"] == ["chosen"]
    assert found["exposable"] == ["doubled", "sum", "positive", "chosen"]


def test_exposed_values_are_those_of_the_model(tmp_path: Path) -> None:
    path = saved(graphs.small_cnn(), tmp_path)
    known = anatomy(path, {"image": [1, 3, 8, 8]})["values"]
    told = expose(path, str(tmp_path / "more.onnx"), ["activated", "pooled"], known)
    assert told == {"outputs": ["logits", "activated", "pooled"]}
    more, plain = run(tmp_path / "more.onnx", {"image": IMAGE}), run(Path(path), {"image": IMAGE})
    np.testing.assert_allclose(more["logits"], plain["logits"], rtol=1e-5)
    assert more["activated"].min() == 0
    np.testing.assert_allclose(more["pooled"], more["activated"].mean(axis=(2, 3), keepdims=True), rtol=1e-5)


def test_exposing_without_known_types_works_and_unknown_values_are_refused(tmp_path: Path) -> None:
    path = saved(graphs.small_cnn(), tmp_path)
    expose(path, str(tmp_path / "more.onnx"), ["pooled"], {})
    assert set(run(tmp_path / "more.onnx", {"image": IMAGE})) == {"logits", "pooled"}
    with pytest.raises(ModelError, match="no node of the main graph gives 'nothing'"):
        expose(path, str(tmp_path / "other.onnx"), ["nothing"], {})


def test_a_copy_beside_its_source_shares_the_external_data(tmp_path: Path) -> None:
    graphs.external_data(tmp_path)
    (source,) = tmp_path.glob("*.onnx")
    made = next(node.output[0] for node in onnx.load(source, load_external_data=False).graph.node)
    before = {path.name for path in tmp_path.iterdir()}
    expose(str(source), str(tmp_path / "copy.onnx"), [made], {made: [None, "float32", [None, None]]})
    assert {path.name for path in tmp_path.iterdir()} - before == {"copy.onnx"}
    onnx.checker.check_model(str(tmp_path / "copy.onnx"))


def test_an_excerpt_computes_what_the_model_computes_there(tmp_path: Path) -> None:
    path = saved(graphs.small_cnn(), tmp_path)
    expose(path, str(tmp_path / "more.onnx"), ["convolved", "activated"], {})
    inside = run(tmp_path / "more.onnx", {"image": IMAGE})
    feeds = {"convolved": ["float32", [1, 4, 8, 8]]}
    told = extract(
        path, str(tmp_path / "part.onnx"), feeds, ["activated"], {"activated": [None, "float32", [1, 4, 8, 8]]}
    )
    assert told == {"nodes": 2, "inputs": ["convolved"]}
    part = onnx.load(tmp_path / "part.onnx")
    assert {tensor.name for tensor in part.graph.initializer} == {
        "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var",
    }  # fmt: skip
    onnx.checker.check_model(part, full_check=True)
    again = run(tmp_path / "part.onnx", {"convolved": inside["convolved"]})
    np.testing.assert_allclose(again["activated"], inside["activated"], rtol=1e-5, atol=1e-6)


def test_an_excerpt_takes_what_branches_capture_and_refuses_open_ends(tmp_path: Path) -> None:
    path = saved(branching(), tmp_path)
    feeds = {"doubled": ["float32", [2, 3]], "positive": ["bool", []]}
    extract(path, str(tmp_path / "part.onnx"), feeds, ["chosen"], {})
    found = run(tmp_path / "part.onnx", {"doubled": np.ones((2, 3), np.float32), "positive": np.array(True)})
    assert found["chosen"].tolist() == [[-1] * 3] * 2
    with pytest.raises(ModelError, match="also depends on the input 'x'"):
        extract(path, str(tmp_path / "open.onnx"), {"positive": ["bool", []]}, ["chosen"], {})


def test_contrast_names_what_differs(tmp_path: Path) -> None:
    good = saved(graphs.small_cnn(), tmp_path, "good.onnx")
    wrong = graphs.small_cnn()
    wrong.graph.node[2].op_type = "LeakyRelu"
    wrong.graph.node[0].attribute[0].ints[:] = [0, 0, 2, 2]
    wrong = faults.move_bias(wrong, 0.5, "fc.bias")
    path = saved(wrong, tmp_path, "wrong.onnx")

    def told(name: str) -> list[str]:
        return list(node_diff(path, name, good, name)["differences"])

    assert told("activated") == ["LeakyRelu instead of Relu"]
    assert told("convolved") == ["pads=[0, 0, 2, 2] instead of [1, 1, 1, 1]"]
    assert told("logits") == ["constant 'fc.bias' differs in 5 of 5 values from [0] on, by up to 0.5"]
    assert told("normalised") == []
    assert told("nothing") == []


def test_contrast_tells_swapped_inputs(tmp_path: Path) -> None:
    def made(first: str, second: str) -> ModelProto:
        nodes = [helper.make_node("Neg", ["x"], ["n"]), helper.make_node("Sub", [first, second], ["y"])]
        return assemble("m", nodes, [value("x", 2)], [value("y", 2)])

    ours, theirs = saved(made("x", "n"), tmp_path, "a.onnx"), saved(made("n", "x"), tmp_path, "b.onnx")
    assert node_diff(ours, "y", theirs, "y")["differences"] == ["inputs in the order x, n instead of n, x"]


def scoped(scopes: str) -> onnx.NodeProto:
    node = helper.make_node("Relu", ["a"], ["b"], "node_relu")
    node.metadata_props.append(onnx.StringStringEntryProto(key=SCOPES, value=scopes))
    return node


@pytest.mark.parametrize(
    ("node", "weights", "module"),
    [
        (scoped("['', 'base_net.0', 'base_net.0.2', 'relu']"), (), "base_net.0.2"),
        (scoped("['', 'sub']"), (), ""),
        (scoped("no list"), (), ""),
        (helper.make_node("Conv", ["a"], ["b"], "/base_net/base_net.7/branch1/branch1.0/conv/Conv"), (),
         "base_net.7.branch1.0.conv"),
        (helper.make_node("Conv", ["a"], ["b"], "/base_net.7/branch1/branch1.0/conv/Conv"), (),
         "base_net.7.branch1.0.conv"),
        (helper.make_node("Softmax", ["a"], ["b"], "/Softmax"), (), ""),
        (helper.make_node("Conv", ["a", "base_net.7.branch1.0.conv.weight"], ["b"]),
         ("base_net.7.branch1.0.conv.weight",), "base_net.7.branch1.0.conv"),
        (helper.make_node("Gemm", ["a", "fc.weight"], ["b"]), ("fc.weight",), "fc"),
        (helper.make_node("Conv", ["a", "487", "489"], ["b"]), ("487", "489"), ""),
        (helper.make_node("Add", ["a.weight", "b"], ["c"]), (), ""),
    ],
)  # fmt: skip
def test_module_of_a_node(node: onnx.NodeProto, weights: tuple[str, ...], module: str) -> None:
    assert module_of(node, weights) == module


def test_values_that_are_no_tensors_are_not_exposed(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "x"], ["pair"], "pair"),
        helper.make_node("ConcatFromSequence", ["pair"], ["y"], "join", axis=0),
    ]
    model = assemble("m", nodes, [value("x", 2, dtype=TensorProto.FLOAT)], [value("y", 4)])
    assert anatomy(saved(model, tmp_path), {"x": [2]})["exposable"] == []


def test_what_sizes_take_from_a_table_of_weights_is_a_value(tmp_path: Path) -> None:
    """Learnt positions follow from the size of an input alone, and may be wrong all the same."""
    table = numpy_helper.from_array(np.arange(20, dtype=np.float32).reshape(10, 2), "table")
    plain = [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in (("at", 1), ("one", 1))]
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "at"], ["length"]),
        helper.make_node("Range", ["zero", "length", "one"], ["places"]),
        helper.make_node("Gather", ["table", "places"], ["positions"], name="positions"),
        helper.make_node("Add", ["x", "positions"], ["y"]),
    ]
    zero = numpy_helper.from_array(np.array(0, np.int64), "zero")
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, "length", 2])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, "length", 2])
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], [table, zero, *plain]))
    found = anatomy(saved(model, tmp_path), {"x": [1, 3, 2]})
    assert [(node["name"], node["inputs"]) for node in found["nodes"]] == [
        ("positions", ["x"]), ("", ["x", "positions"])
    ]  # fmt: skip
    assert found["exposable"] == ["positions"]
