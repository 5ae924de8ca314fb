"""OpenVINO, a second real execution provider, on the CPU: everything that the family says is shown on it.

Needs the environment that ``python -m pytest_onnxaccel env ort-openvino`` builds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from pytest_onnxaccel import validate
from pytest_onnxaccel.core.placement import CpuNodes
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import InputSpec, LatencyBudget, ModelSpec
from pytest_onnxaccel.doctor.diagnosis import BackendState
from suites import validated

NAME, EP, CPU = "ort-openvino", "OpenVINOExecutionProvider", "CPUExecutionProvider"


def model(path: Path, operators: Sequence[str], dtype: int = TensorProto.FLOAT) -> Path:
    """A chain of unary operators on a 2 x 8 tensor; ``Add`` doubles."""
    nodes, at = [], "x"
    for number, operator in enumerate(operators):
        inputs, given = [at] * (2 if operator == "Add" else 1), f"v{number}"
        nodes.append(helper.make_node(operator, inputs, [given], f"{operator.lower()}{number}"))
        at = given
    nodes[-1].output[0] = "y"
    ends = [helper.make_tensor_value_info(name, dtype, [2, 8]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def run(path: Path, check: str, backend: str = NAME, spec: dict[str, Any] | None = None, **options: Any) -> CheckResult:
    return validated.result_of(path, check, backend, spec, **options)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return validated.detector(tmp_path_factory.mktemp("openvino"))


def test_parity_on_a_detector_with_every_node_placed(detector: Path) -> None:
    result = run(detector, "parity")
    assert result.verdict is Verdict.PASSED
    assert 0 <= result.figures["max_abs"] < 1e-5
    assert set(result.figures["placement"]) == {EP}
    assert result.figures["cpu_nodes"] == []
    assert result.figures["provider_options"] == {"device_type": "CPU"}
    assert result.figures["device"] == "cpu"


def test_batch_of_a_detector(detector: Path) -> None:
    result = run(detector, "batch")
    assert result.verdict is Verdict.PASSED
    assert set(result.figures["placement"]) == {EP}


def test_latency_against_the_cpu_provider_in_one_run(detector: Path) -> None:
    budget = LatencyBudget(speedup_over=("ort-cpu", 0.01), threads=1)
    result = run(detector, "latency", spec={"budget": budget})
    assert result.verdict in (Verdict.PASSED, Verdict.INCONCLUSIVE), "a loaded machine may leave it open"
    assert result.figures["provider_options"]["num_of_threads"] == "1"
    assert result.figures["speedup"] > 0
    assert 0 < result.figures["device_p50_ms"] < 2 * result.figures["p50_ms"], "no copies, and the same work"
    assert "times as fast as ort-cpu" in result.message


class TestPlacement:
    def test_an_operator_that_it_lacks_is_told_by_node(self, tmp_path: Path) -> None:
        result = run(model(tmp_path / "mixed.onnx", ["Relu", "Hardmax", "Neg"]), "contract")
        assert (result.verdict, result.code) == (Verdict.FAILED, "V_PLACEMENT")
        assert "Hardmax 'hardmax1'" in result.message
        assert result.figures["placement"][EP] == 1

    def test_it_fails_whatever_check_is_selected(self, tmp_path: Path) -> None:
        path = model(tmp_path / "mixed.onnx", ["Relu", "Hardmax", "Neg"])
        for check in ("parity", "batch", "latency"):
            assert run(path, check).code == "V_PLACEMENT"

    def test_it_fails_as_reference_and_as_what_a_speed_up_is_over(self, tmp_path: Path) -> None:
        path = model(tmp_path / "mixed.onnx", ["Relu", "Hardmax", "Neg"])
        spec = ModelSpec("m", str(path), "m", reference=NAME, budget=LatencyBudget(speedup_over=(NAME, 0.001)))
        for check in ("parity", "latency"):
            (row,) = [r for r in validate(spec, backends=["ort-cpu"], checks=[check]) if r.check == check]
            assert (row.verdict, row.code) == (Verdict.FAILED, "V_PLACEMENT"), row
            assert "ort-openvino leaves 2 of 3 nodes to the CPU" in row.message

    def test_what_is_allowed_passes_and_is_noted(self, tmp_path: Path) -> None:
        path = model(tmp_path / "mixed.onnx", ["Relu", "Hardmax", "Neg"])
        for allowed in (CpuNodes(2), CpuNodes(0, ("Relu", "Hardmax"))):
            result = run(path, "contract", cpu_nodes=allowed)
            assert result.verdict is Verdict.PASSED
            assert "2 of 3 nodes run on the CPU" in result.notes
            assert "Hardmax 'hardmax1'" in result.figures["cpu_nodes"]

    def test_a_model_without_a_node_there_is_no_pass_on_the_cpu(self, tmp_path: Path) -> None:
        path = model(tmp_path / "double.onnx", ["Add"], TensorProto.DOUBLE)
        result = run(path, "contract", cpu_nodes=CpuNodes(99))
        assert (result.verdict, result.code) == (Verdict.FAILED, "V_PLACEMENT")
        assert "no node of the model runs on OpenVINO" in result.message


class TestInt64:
    """It computes int64 in int32, and says nothing of it."""

    def spec(self, high: float) -> dict[str, Any]:
        return {"inputs": (InputSpec("x", 0, high),)}

    def test_values_past_int32_differ_and_it_is_to_blame(self, tmp_path: Path) -> None:
        path = model(tmp_path / "int64.onnx", ["Add"], TensorProto.INT64)
        result = run(path, "parity", spec=self.spec(1e11))
        assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
        assert "wrong: ort-openvino" in result.message

    def test_small_values_agree(self, tmp_path: Path) -> None:
        path = model(tmp_path / "int64.onnx", ["Add"], TensorProto.INT64)
        assert run(path, "parity", spec=self.spec(1000)).verdict is Verdict.PASSED


class TestOptions:
    def test_an_option_that_does_not_exist(self, tmp_path: Path) -> None:
        path = model(tmp_path / "m.onnx", ["Neg"])
        result = run(path, "contract", providers={NAME: (("num_of_thread", "1"),)})
        assert (result.verdict, result.code) == (Verdict.FAILED, "E_CONFIG")
        assert "refuses the option num_of_thread=1" in result.message
        assert "did you mean 'num_of_threads'?" in result.message

    def test_a_value_that_the_device_does_not_have(self, tmp_path: Path) -> None:
        path = model(tmp_path / "m.onnx", ["Neg"])
        result = run(path, "contract", providers={NAME: (("num_streams", "1"), ("precision", "FP16"))})
        assert result.code == "E_CONFIG"
        assert "refuses the option precision=FP16: " in result.message
        assert "CPU only supports FP32" in result.message

    def test_what_it_takes_is_recorded(self, tmp_path: Path) -> None:
        path = model(tmp_path / "m.onnx", ["Neg"])
        result = run(path, "contract", providers={NAME: (("num_streams", "1"),)})
        assert result.verdict is Verdict.PASSED
        assert result.figures["provider_options"] == {"device_type": "CPU", "num_streams": "1"}

    def test_a_device_that_is_not_there(self, tmp_path: Path) -> None:
        path = model(tmp_path / "m.onnx", ["Neg"])
        result = run(path, "contract", f"{NAME}:NPU", required=frozenset({f"{NAME}:NPU"}))
        assert (result.verdict, result.code) == (Verdict.FAILED, "E_BACKEND")
        assert "OpenVINO has no device 'NPU' here" in result.message

    def test_a_device_that_is(self, tmp_path: Path) -> None:
        result = run(model(tmp_path / "m.onnx", ["Neg"]), "contract", f"{NAME}:CPU")
        assert result.verdict is Verdict.PASSED


def test_the_doctor_tries_it() -> None:
    from pytest_onnxaccel.doctor import states
    from pytest_onnxaccel.doctor.trial import Trials

    trials = Trials()
    try:
        item = next(item for item in states.registered() if item.point.name == NAME)
        found: BackendState = states.state(item, False, trials.run)
    finally:
        trials.close()
    assert (found.status, found.provider) == ("runs", EP)
    assert list(found.versions) == ["onnxruntime-openvino"]
