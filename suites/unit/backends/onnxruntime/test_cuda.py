"""The CUDA backend believes nothing: each way in which a GPU can be missing is told, and none runs on the CPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from pytest_onnxaccel.backends.onnxruntime import cpu as ort_cpu
from pytest_onnxaccel.backends.onnxruntime import cuda as ort_cuda
from pytest_onnxaccel.backends.onnxruntime import session as _ort
from pytest_onnxaccel.backends.onnxruntime.cuda import OrtCuda
from pytest_onnxaccel.backends.protocol import Backend, LoadOptions
from pytest_onnxaccel.core.errors import BackendUnavailable

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def installed(monkeypatch: pytest.MonkeyPatch, **found: str) -> None:
    names = {name.replace("_", "-"): version for name, version in found.items()}
    for module in (ort_cpu, ort_cuda):
        monkeypatch.setattr(module, "onnxruntime_distributions", lambda: names)


def test_it_is_a_backend() -> None:
    assert isinstance(OrtCuda(), Backend)


def test_the_cpu_wheel_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, onnxruntime="1.31")
    found = OrtCuda().availability()
    assert (found.ok, found.reason) == (False, "onnxruntime-gpu is not installed")
    assert "pytest-onnxaccel[gpu]" in found.remedy


def test_both_wheels_over_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, onnxruntime="1.31", onnxruntime_gpu="1.31")
    found = OrtCuda().availability()
    assert not found.ok
    assert found.reason == "onnxruntime-gpu and onnxruntime are installed over each other"
    assert found.remedy.startswith("python -m pip uninstall -y onnxruntime onnxruntime-gpu && ")


def test_the_gpu_wheel_alone_can_be_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, onnxruntime_gpu="1.31")
    assert OrtCuda().availability().ok
    assert ort_cpu.OrtCpu().availability().ok


def test_without_any_runtime_the_cpu_backend_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch)
    monkeypatch.setattr(ort_cpu, "onnxruntime_remains", dict)
    found = ort_cpu.OrtCpu().availability()
    assert (found.ok, found.reason) == (False, "onnxruntime is not installed")
    assert found.remedy == 'python -m pip install "pytest-onnxaccel[cpu]"'


class FakeOrt:
    """An ``InferenceSession`` that ran where the test wants it."""

    def __init__(self, providers: list[str], placed: dict[str, int] | None) -> None:
        self._providers = providers
        if placed is not None:
            self.get_provider_graph_assignment_info = lambda: [
                SimpleNamespace(ep_name=name, get_nodes=lambda n=count: [None] * n) for name, count in placed.items()
            ]

    def get_providers(self) -> list[str]:
        return self._providers

    def get_inputs(self) -> list[Any]:
        return []

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name="y", type="tensor(float)", shape=[1])]

    get_session_options = get_inputs


def load(monkeypatch: pytest.MonkeyPatch, providers: list[str], placed: dict[str, int] | None) -> Any:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(ort_cuda, "make_session", lambda *_: FakeOrt(providers, placed))
    return OrtCuda().load("model.onnx", LoadOptions())


def test_a_runtime_built_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    with pytest.raises(BackendUnavailable, match="built without CUDA"):
        OrtCuda().load("model.onnx", LoadOptions())


def test_the_gpu_wheel_without_libraries_falls_back_and_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackendUnavailable, match="fell back to the CPU") as caught:
        load(monkeypatch, [CPU], None)
    assert "onnxruntime-gpu[cuda,cudnn]" in str(caught.value)


def test_a_session_that_placed_every_node_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackendUnavailable, match="no node of the model runs on the GPU"):
        load(monkeypatch, [CUDA, CPU], {CPU: 5})


def test_nodes_left_on_the_cpu_are_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    info = load(monkeypatch, [CUDA, CPU], {CUDA: 7, CPU: 2}).info
    assert info.notes == ("2 of 9 nodes run on the CPU",)
    assert info.facts["placement"] == {CUDA: 7, CPU: 2}
    assert info.facts["provider"] == CUDA


def test_a_model_wholly_on_the_gpu_has_no_note(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, [CUDA, CPU], {CUDA: 7}).info.notes == ()


def test_a_version_that_cannot_tell_is_taken_at_its_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, [CUDA, CPU], None).info.facts["placement"] is None


@pytest.mark.skipif(CUDA not in onnxruntime.get_available_providers(), reason="this onnxruntime has no CUDA")
def test_on_a_real_gpu(tmp_path: Any) -> None:
    from fixtures import graphs

    path = tmp_path / "m.onnx"
    path.write_bytes(graphs.small_cnn().SerializeToString())
    try:
        session = OrtCuda().load(str(path), LoadOptions())
    except BackendUnavailable as error:
        pytest.skip(str(error))
    feeds = {"image": np.ones((1, 3, 8, 8), np.float32)}
    expected = _ort.make_session(str(path), LoadOptions(), [CPU]).run(None, feeds)[0]
    np.testing.assert_allclose(session.run(feeds)["logits"], expected, rtol=1e-4, atol=1e-5)
