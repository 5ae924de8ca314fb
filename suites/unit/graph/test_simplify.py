"""Faster files of the same model: what each step does, when there is nothing to do, and what it cannot take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from fixtures import graphs
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.quantize import to_float16, to_int8
from pytest_onnxaccel.graph.simplify import free_initializers, simplify

Save = Callable[[onnx.ModelProto], str]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(model: onnx.ModelProto) -> str:
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        return str(path)

    return write


@pytest.fixture
def target(tmp_path: Path) -> str:
    (tmp_path / "out").mkdir()
    return str(tmp_path / "out" / "model.onnx")


def outputs(path: str, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    draw = np.random.default_rng(seed)
    kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
    feeds = {
        i.name: draw.uniform(-1, 1, [d if isinstance(d, int) else 2 for d in i.shape]).astype(kinds[i.type])
        for i in session.get_inputs()
    }
    return list(session.run(None, feeds))


def alike(first: str, second: str, tolerance: float = 1e-5) -> bool:
    pairs = zip(outputs(first), outputs(second), strict=True)
    return all(np.allclose(a, b, rtol=tolerance, atol=tolerance) for a, b in pairs)


def folding() -> onnx.ModelProto:
    """``y = x * (2 + 3) + 0 * x``'s constant part: two nodes of which one depends on constants alone."""
    nodes = [
        helper.make_node("Add", ["two", "three"], ["five"], name="constants"),
        helper.make_node("Mul", ["x", "five"], ["y"], name="product"),
    ]
    weights = [numpy_helper.from_array(np.full(4, v, np.float32), n) for n, v in (("two", 2.0), ("three", 3.0))]
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        weights,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    model.producer_name = "tests"
    model.metadata_props.add(key="trained", value="yes")
    return model


# -- initializers out of the inputs


def test_initializers_leave_the_inputs(save: Save, target: str) -> None:
    source = save(graphs.initializers_as_inputs())
    told = free_initializers(source, target)
    before, after = onnx.load(source), onnx.load(target)
    assert told["edited"] == [f"{len(before.graph.input) - 1} initializers out of the inputs"]
    assert [value.name for value in after.graph.input] == [before.graph.input[0].name]
    onnx.checker.check_model(after, full_check=True)
    assert alike(source, target)


def test_an_old_ir_version_is_raised(save: Save, target: str) -> None:
    model = graphs.initializers_as_inputs()
    model.ir_version = 3
    free_initializers(save(model), target)
    assert onnx.load(target).ir_version == 4


def test_without_such_initializers_nothing_is_written(save: Save, target: str) -> None:
    told = free_initializers(save(graphs.mlp()), target)
    assert told == {"edited": [], "reason": "no initializer is listed as an input"}
    assert not Path(target).exists()


# -- simplification


def test_what_depends_on_constants_is_folded(save: Save, target: str) -> None:
    source = save(folding())
    assert simplify(source, target)["edited"] == ["constants folded, 2 nodes -> 1"]
    after = onnx.load(target)
    assert [node.op_type for node in after.graph.node] == ["Mul"]
    assert [item.domain for item in after.opset_import] == [""]
    assert (after.producer_name, after.metadata_props[0].value) == ("tests", "yes")
    assert [value.name for value in (*after.graph.input, *after.graph.output)] == ["x", "y"]
    onnx.checker.check_model(after, full_check=True)
    assert alike(source, target)


def test_nothing_to_simplify(save: Save, target: str) -> None:
    assert simplify(save(graphs.mlp()), target) == {"edited": [], "reason": "there is nothing to simplify"}
    assert not Path(target).exists()


def test_external_weights_move_into_the_file(tmp_path: Path, target: str) -> None:
    source = tmp_path / "model.onnx"
    onnx.save(folding(), source, save_as_external_data=True, location="weights.bin", size_threshold=0)
    simplify(str(source), target)
    assert [entry.name for entry in Path(target).parent.iterdir()] == ["model.onnx"]
    assert alike(str(source), target)


def test_what_the_runtime_refuses_is_an_error_in_one_line(save: Save, target: str) -> None:
    with pytest.raises(ModelError, match="cannot simplify it") as caught:
        simplify(save(graphs.custom_op()), target)
    assert caught.value.code == "E_CONVERT"


@pytest.mark.parametrize("step", [simplify, to_float16, to_int8])
def test_weights_that_fit_no_file_are_refused(
    step: Callable[..., Any], save: Save, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_onnxaccel.graph import rebatch_files

    model = graphs.mlp()
    big = numpy_helper.from_array(np.ones((64, 64), np.float32), "big")
    model.graph.initializer.append(big)
    monkeypatch.setattr(rebatch_files, "ONE_FILE_LIMIT", 1000)
    with pytest.raises(ModelError, match="too large for one file") as caught:
        step(save(model), target)
    assert caught.value.code == "E_MEMORY"


# -- fewer bits


def test_float16_keeps_the_types_of_inputs_and_outputs(save: Save, target: str) -> None:
    source = save(graphs.small_cnn())
    assert to_float16(source, target)["edited"] == ["float16 between inputs and outputs"]
    after = onnx.load(target)
    declared = [value.type.tensor_type.elem_type for value in (*after.graph.input, *after.graph.output)]
    assert set(declared) == {TensorProto.FLOAT}
    assert any(tensor.data_type == TensorProto.FLOAT16 for tensor in after.graph.initializer)
    assert alike(source, target, 2e-2)
    assert not alike(source, target, 1e-7)


def test_float16_needs_float32_weights(save: Save, target: str) -> None:
    assert to_float16(save(graphs.string_input()), target)["reason"] == "it holds no float32 weights"


def test_int8_weights(save: Save, target: str) -> None:
    source = save(graphs.mlp())
    assert "int8 weights in" in to_int8(source, target)["edited"][0]
    assert any(tensor.data_type == TensorProto.INT8 for tensor in onnx.load(target).graph.initializer)
    assert alike(source, target, 0.1)
    assert not alike(source, target, 1e-5)


@pytest.mark.parametrize("name", ["string_input", "int_tokens"])
def test_int8_needs_a_product_with_constant_weights(name: str, save: Save, target: str) -> None:
    told = to_int8(save(getattr(graphs, name)()), target)
    assert told == {"edited": [], "reason": "no matrix product has constant weights"}
    assert not Path(target).exists()


def test_a_product_of_two_inputs_has_no_weights(save: Save, target: str) -> None:
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4, 4]) for n in ("a", "b", "y")]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["y"])], "g", values[:2], values[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    assert to_int8(save(model), target)["reason"] == "no matrix product has constant weights"
