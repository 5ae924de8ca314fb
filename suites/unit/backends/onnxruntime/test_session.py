"""What the ONNX Runtime backends share: sessions, and messages put into codes and one harmless line."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx.helper import make_node

from fixtures import graphs, hazards
from fixtures.graphs.assembly import assemble, value
from pytest_onnxaccel.backends.onnxruntime import session as _ort
from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.protocol import Backend, LoadOptions, Session
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import TimingPlan
from suites.unit.core.test_errors import HOSTILE


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    """ONNX Runtime writes to this process's standard error, from which nobody takes it."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    yield
    onnxruntime.set_default_logger_severity(2)


def loaded(model: onnx.ModelProto, folder: Path, **options: Any) -> Session:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return OrtCpu().load(str(path), LoadOptions(**{"threads": 1, **options}))


def load_refusal(model: onnx.ModelProto, folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        loaded(model, folder)
    return harmless(caught.value, folder)


def harmless(error: ModelError, folder: Path) -> ModelError:
    text = str(error)
    assert len(text) <= 300
    assert text.isprintable()
    for unwanted in (str(folder), "onnxruntime_src", "[ONNXRuntimeError]", "std::unordered_map", "model.onnx"):
        assert unwanted not in text
    return error


# -- sessions ---------------------------------------------------------------------------------------------------


def test_it_is_a_backend_and_its_session_is_one(tmp_path: Path) -> None:
    assert isinstance(OrtCpu(), Backend)
    assert isinstance(loaded(graphs.mlp(), tmp_path), Session)


def test_a_session_runs_and_says_what_it_is(tmp_path: Path) -> None:
    session = loaded(graphs.small_cnn(), tmp_path)
    info = session.info
    assert [str(s) for s in (*info.inputs, *info.outputs)] == ["image float32[1x3x8x8]", "logits float32[1x5]"]
    assert info.facts["provider"] == "CPUExecutionProvider"
    assert info.facts["threads"] == 1
    outputs = session.run({"image": np.ones((1, 3, 8, 8), np.float32)})
    assert {name: array.shape for name, array in outputs.items()} == {"logits": (1, 5)}


def test_outputs_come_in_the_declared_order_by_name(tmp_path: Path) -> None:
    nodes = [make_node("Neg", ["x"], ["a"]), make_node("Abs", ["x"], ["b"])]
    model = assemble("two", nodes, [value("x", 1)], [value("b", 1), value("a", 1)])
    outputs = loaded(model, tmp_path).run({"x": np.array([-2], np.float32)})
    assert {k: v.tolist() for k, v in outputs.items()} == {"b": [2], "a": [2]}
    assert list(outputs) == ["b", "a"]


def test_timing_gives_samples(tmp_path: Path) -> None:
    session = loaded(graphs.mlp(), tmp_path)
    taken = session.time({"x": np.ones((1, 4), np.float32)}, TimingPlan(samples=7, warmup=2, seconds=30))
    assert len(taken.wall_ns) == 7


def test_closing_twice_is_harmless_and_running_afterwards_an_error(tmp_path: Path) -> None:
    session = loaded(graphs.mlp(), tmp_path)
    session.close()
    session.close()
    with pytest.raises(ModelError):
        session.run({"x": np.ones((1, 4), np.float32)})


def test_optimization_and_threads_reach_the_runtime() -> None:
    import onnxruntime

    made = _ort.session_options(LoadOptions(optimize=False, threads=3))
    assert made.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert made.intra_op_num_threads == 3
    default = _ort.session_options(LoadOptions())
    assert default.graph_optimization_level == onnxruntime.SessionOptions().graph_optimization_level
    assert default.intra_op_num_threads == 0


def test_scalars_and_text_come_out(tmp_path: Path) -> None:
    model = assemble("s", [make_node("ReduceMean", ["x"], ["y"], keepdims=0)], [value("x", "N", 2)], [value("y")])
    assert loaded(model, tmp_path).run({"x": np.ones((3, 2), np.float32)})["y"].shape == ()
    to_text = make_node("Cast", ["x"], ["y"], to=TensorProto.STRING)
    model = assemble("t", [to_text], [value("x", 2)], [value("y", 2, dtype=TensorProto.STRING)])
    assert loaded(model, tmp_path).run({"x": np.arange(2, dtype=np.float32)})["y"].tolist() == ["0", "1"]


def test_eight_bit_floats_come_out_as_such(tmp_path: Path) -> None:
    node = make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E4M3FN)
    model = assemble("f8", [node], [value("x", 2)], [value("y", 2, dtype=TensorProto.FLOAT8E4M3FN)])
    model.opset_import[0].version = 19
    found = loaded(model, tmp_path).run({"x": np.array([0.5, 2], np.float32)})["y"]
    assert found.dtype == ml_dtypes.float8_e4m3fn
    assert found.astype(np.float32).tolist() == [0.5, 2]


# -- what cannot be loaded --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("future_ir", "E_SCHEMA", "Unsupported model IR version: 999"),
        ("future_opset", "E_SCHEMA", "Opset 999 is under development"),
        ("unknown_operator", "E_SCHEMA", "No Op registered for Frobnicate"),
        ("cyclic", "E_GRAPH", "the graph is not acyclic"),
        ("wrong_types", "E_GRAPH", "bound to different types"),
        ("external_escape", "E_EXTERNAL", "External data path escapes model directory"),
        ("external_missing", "E_EXTERNAL", 'does not exist: "absent.bin"'),
    ],
)
def test_a_load_that_fails_has_the_right_code_and_shows_its_sentence(
    name: str, code: str, says: str, tmp_path: Path
) -> None:
    error = load_refusal(getattr(hazards, name)(), tmp_path)
    assert error.code == code
    assert says in error.cause
    assert says[:40] in str(error)
    assert error.remedy


def test_operators_of_other_domains_are_named(tmp_path: Path) -> None:
    error = load_refusal(graphs.custom_op(), tmp_path)
    assert error.code == "E_SCHEMA"
    assert "com.example:Mystery" in error.cause


def test_a_truncated_model(tmp_path: Path) -> None:
    path = hazards.truncated(tmp_path / "model.onnx", graphs.small_cnn().SerializeToString())
    with pytest.raises(ModelError) as caught:
        OrtCpu().load(str(path), LoadOptions())
    assert harmless(caught.value, tmp_path).code == "E_PARSE"


def test_a_truncated_data_file(tmp_path: Path) -> None:
    path = graphs.external_data(tmp_path)
    os.truncate(tmp_path / "weights.bin", 10)
    with pytest.raises(ModelError) as caught:
        OrtCpu().load(str(path), LoadOptions())
    error = harmless(caught.value, tmp_path)
    assert error.code == "E_EXTERNAL"
    assert "can not be read in full" in error.cause


def test_folders_with_odd_names_are_not_told_either(tmp_path: Path) -> None:
    folder = tmp_path / "a folder: (odd) [name]"
    folder.mkdir()
    load_refusal(hazards.external_missing(), folder)
    load_refusal(hazards.future_ir(), folder)


# -- what does not run ------------------------------------------------------------------------------------------


def run_refusal(model: onnx.ModelProto, folder: Path, **feeds: Any) -> ModelError:
    session = loaded(model, folder)
    with pytest.raises(ModelError) as caught:
        session.run(feeds)
    return harmless(caught.value, folder)


def test_inputs_that_do_not_fit(tmp_path: Path) -> None:
    for array in (np.zeros((2, 3, 8, 8), np.float32), np.zeros((3, 8, 8), np.float32), np.zeros((1, 3, 8, 8))):
        assert run_refusal(graphs.small_cnn(), tmp_path, image=array).code == "E_INPUT"


def test_a_node_that_fails_is_named(tmp_path: Path) -> None:
    error = run_refusal(graphs.int_tokens(), tmp_path, ids=np.full((1, 2), 99))
    assert error.code == "E_RUN"
    assert "Gather node 'embed': indices" in error.cause
    assert "idx=99 must be within the inclusive range [-10,9]" in error.cause


def test_signatures_do_not_hide_the_sentence(tmp_path: Path) -> None:
    error = run_refusal(graphs.impossible_dims(), tmp_path, x=np.zeros((1, 2), np.float32))
    assert error.code == "E_RUN"
    assert "cannot be reshaped to the requested shape. Input shape:{1,2}, requested shape:{1,1013}" in str(error)


def test_a_sequence_is_told_as_its_tensors(tmp_path: Path) -> None:
    from onnx import helper

    output = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, [None])
    model = assemble("q", [make_node("SequenceConstruct", ["x", "x"], ["y"])], [value("x", 1)], [output])
    session = loaded(model, tmp_path)
    found = session.run({"x": np.ones(1, np.float32)})
    assert {name: array.tolist() for name, array in found.items()} == {"y/0": [1.0], "y/1": [1.0]}
    assert session.info.outputs[0].kind == "sequence"


def test_memory_that_runs_out() -> None:
    assert _ort.run_error(RuntimeError("std::bad_alloc")).code == "E_MEMORY"
    message = "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for x"
    assert _ort.load_error(RuntimeError(message)).code == "E_MEMORY"


# -- what is at fault ---------------------------------------------------------------------------------------------


def one_node(node: onnx.NodeProto, dtype: int, shape: tuple[int, ...] = (2, 2), **opsets: int) -> onnx.ModelProto:
    values = (onnx.helper.make_tensor_value_info(name, dtype, shape) for name in "xy")
    graph = onnx.helper.make_graph([node], "g", [next(values)], [next(values)])
    imports = [onnx.helper.make_opsetid(name.replace("_", "."), version) for name, version in opsets.items()]
    return onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17), *imports])


FAULTS = {
    "no kernel for the type": (
        one_node(onnx.helper.make_node("Relu", ["x"], ["y"], name="n"), onnx.TensorProto.INT16),
        "E_SCHEMA", "has no kernel for Relu(14) with int16 (node 'n')", "the export is not at fault",
    ),
    "no kernel for a part": (
        one_node(onnx.helper.make_node("Softmax", ["x"], ["y"]), onnx.TensorProto.BFLOAT16),
        "E_SCHEMA", "a part of an operator of this model", "the export is not at fault",
    ),
    "no such type": (
        one_node(onnx.helper.make_node("Identity", ["x"], ["y"]), onnx.TensorProto.COMPLEX64),
        "E_SCHEMA", "does not have the type complex64", "another backend",
    ),
    "no such type at this opset": (
        one_node(onnx.helper.make_node("Round", ["x"], ["y"]), onnx.TensorProto.BFLOAT16),
        "E_GRAPH", "of operator (Round)", "or a newer opset",
    ),
    "an operator of a library": (
        one_node(onnx.helper.make_node("Foo", ["x"], ["y"], domain="com.acme"), onnx.TensorProto.FLOAT, com_acme=1),
        "E_SCHEMA", "com.acme:Foo is not a registered function/op", "--onnx-ort-library",
    ),
    "a domain without a version": (
        one_node(onnx.helper.make_node("Foo", ["x"], ["y"], domain="com.acme"), onnx.TensorProto.FLOAT),
        "E_SCHEMA", "Foo node: No opset import for domain 'com.acme'", "export it again",
    ),
    "an operator that is gone": (
        one_node(onnx.helper.make_node("Upsample", ["x"], ["y"], scales=[1.0, 1.0]), onnx.TensorProto.FLOAT),
        "E_SCHEMA", "Upsample node: Op registered for Upsample is deprecated", "its replacement",
    ),
    "an operator with a long name": (
        one_node(onnx.helper.make_node("F" * 9000, ["x"], ["y"]), onnx.TensorProto.FLOAT),
        "E_SCHEMA", "No Op registered for F", "this onnxruntime lacks the operator",
    ),
    "a locale": (
        one_node(
            onnx.helper.make_node("StringNormalizer", ["x"], ["y"], locale="xx_YY", case_change_action="LOWER"),
            onnx.TensorProto.STRING, (2,),
        ),
        "E_BACKEND", "this system lacks the locale 'xx_YY'", "locale-gen",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("model", "code", "cause", "remedy"), FAULTS.values(), ids=FAULTS)
def test_what_is_at_fault_is_said(model: onnx.ModelProto, code: str, cause: str, remedy: str, tmp_path: Path) -> None:
    error = load_refusal(model, tmp_path)
    assert (error.code, cause in error.cause, remedy in error.remedy) == (code, True, True), str(error)
    assert "check the export" not in str(error)


def test_a_model_without_outputs_is_no_matter_of_its_inputs(tmp_path: Path) -> None:
    model = graphs.mlp()
    del model.graph.output[:]
    assert load_refusal(model, tmp_path).code == "E_GRAPH"


# -- hostile messages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [_ort.load_error, _ort.run_error])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_messages_are_one_harmless_line(make: Any, text: str) -> None:
    start = "[ONNXRuntimeError] : 1 : FAIL : "
    for prefix in ("", start, f"{start}Load model from a.onnx failed:"):
        error = make(RuntimeError(prefix + text))
        for line in (str(error), error.cause):
            assert line.isprintable()
            assert not line.startswith("::")
            assert "##vso[" not in line
            assert "##[" not in line
        assert len(str(error)) <= 300
        assert len(error.cause) <= 600


@pytest.mark.parametrize(
    "text",
    [
        "/a" * 250_000, "/" * 500_000, "/x.cc:1 " * 60_000, "Opset" * 100_000, "a.h:1 " + "f::" * 150_000,
        "a.cc:1 b::c(" + "(" * 400_000, "Load model from " * 30_000, "ai.onnx" * 70_000, "/a.onnx" * 70_000,
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_no_message_keeps_the_regular_expressions_busy(text: str) -> None:
    """They would take minutes to years if they were looked at in full or backed out of one another."""
    start = time.process_time()
    for make in (_ort.load_error, _ort.run_error):
        assert len(str(make(RuntimeError(text)))) <= 300
    assert time.process_time() - start < 10


def test_a_hostile_name_in_a_real_message(tmp_path: Path) -> None:
    model = hazards.unknown_operator()
    model.graph.node[0].op_type = "##vso[task.complete]\n::set-output name=a::b\x1b[2J" + "/x" * 250_000
    error = load_refusal(model, tmp_path)
    assert "##vso[" not in str(error)


def test_the_signature_of_a_call_operator_is_left_out() -> None:
    text = (
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Mod node. Name:'m' "
        "Status Message: /src/core/math.cc:2444 void onnxruntime::mod_internal::CallModImpl<T, typename std::enable_if<"
        "std::is_floating_point<_Tp>::value, void>::type>::operator()(bool, bool, onnxruntime::OpKernelContext*) const "
        "[with T = float; typename std::enable_if<std::is_floating_point<_Tp>::value, void>::type = void] "
        "fmod was false. fmod attribute must be true for floating point types"
    )
    assert _ort.run_error(RuntimeError(text)).cause == (
        "Mod node 'm': fmod was false. fmod attribute must be true for floating point types"
    )
