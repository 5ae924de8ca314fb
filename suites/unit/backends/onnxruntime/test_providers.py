"""The family of execution providers believes nothing: each way in which one can be missing is told.

What needs an accelerator is tested with a stand-in for ``InferenceSession``; ``suites/openvino`` runs a real provider.
"""

from __future__ import annotations

import json
import platform
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from fixtures import graphs
from pytest_onnxaccel.backends.onnxruntime import cpu as ort_cpu
from pytest_onnxaccel.backends.onnxruntime.errors import run_error
from pytest_onnxaccel.backends.onnxruntime.providers import backend as family
from pytest_onnxaccel.backends.onnxruntime.providers import open_session as opening
from pytest_onnxaccel.backends.onnxruntime.providers.backend import OrtProvider, from_text
from pytest_onnxaccel.backends.onnxruntime.providers.row import ProviderRow
from pytest_onnxaccel.backends.onnxruntime.providers.table import COREML, CUDA, DML, OPENVINO, ROWS
from pytest_onnxaccel.backends.onnxruntime.providers.values import checked, unlike
from pytest_onnxaccel.backends.onnxruntime.providers.wanted import Wanted
from pytest_onnxaccel.backends.protocol import Backend, LoadOptions
from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError, ModelError, OnnxAccelError
from pytest_onnxaccel.core.specs import Timing, TimingPlan

EP, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


@pytest.fixture(autouse=True)
def no_environments(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("ONNXACCEL_CACHE", str(tmp_path))
    for row in ROWS.values():
        monkeypatch.delenv("ONNXACCEL_PYTHON_" + row.backend.upper().replace("-", "_"), raising=False)


def installed(monkeypatch: pytest.MonkeyPatch, **found: str) -> None:
    names = {name.replace("_", "-"): version for name, version in found.items()}
    for module in (ort_cpu, family):
        monkeypatch.setattr(module, "onnxruntime_distributions", lambda: names)


class TestRows:
    @pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.name)
    def test_each_is_a_backend_that_a_worker_can_make(self, row: ProviderRow) -> None:
        made = OrtProvider(row, "1", (("a", "b"),))
        module, _, given = made.reference.partition(" ")
        again = from_text(given)
        assert isinstance(made, Backend)
        assert module == "pytest_onnxaccel.backends.onnxruntime.providers.backend:from_text"
        assert json.loads(given)[0]["provider"] == row.provider
        assert (again.name, again.row, again._wanted) == (f"ort-{row.name}:1", row, made._wanted)

    def test_what_advice_and_noise_try_fits_the_options(self) -> None:
        for row in ROWS.values():
            for _, changes in (*row.variants, *row.tries):
                assert checked(row, dict(changes)) == changes
                assert {key for key, _ in changes} <= set(row.options), row.name


class TestAvailability:
    def test_the_cpu_wheel_is_not_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        installed(monkeypatch, onnxruntime="1.31")
        found = OrtProvider(CUDA).availability()
        assert (found.ok, found.reason) == (False, "onnxruntime-gpu is not installed")
        assert "pytest-onnxaccel[gpu]" in found.remedy

    def test_both_wheels_over_each_other_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        installed(monkeypatch, onnxruntime="1.31", onnxruntime_gpu="1.31")
        found = OrtProvider(CUDA).availability()
        assert not found.ok
        assert found.reason == "onnxruntime-gpu and onnxruntime are installed over each other"
        assert found.remedy.startswith("python -m pip uninstall -y onnxruntime onnxruntime-gpu && ")

    def test_the_gpu_wheel_alone_can_be_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        installed(monkeypatch, onnxruntime_gpu="1.31")
        assert OrtProvider(CUDA).availability().devices == ("cuda:0",)
        assert OrtProvider(CUDA, "1").availability().devices == ("cuda:1",)
        assert ort_cpu.OrtCpu().availability().ok

    def test_another_wheel_has_an_environment_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        installed(monkeypatch, onnxruntime="1.31")
        made = OrtProvider(OPENVINO)
        found = made.availability()
        assert made.environment == "ort-openvino"
        assert (found.ok, found.remedy) == (False, "python -m pytest_onnxaccel env ort-openvino")
        installed(monkeypatch, onnxruntime_openvino="1.24")
        assert (OrtProvider(OPENVINO).environment, OrtProvider(OPENVINO).availability().ok) == ("", True)

    def test_an_interpreter_may_be_named_for_any(self, monkeypatch: pytest.MonkeyPatch) -> None:
        installed(monkeypatch, onnxruntime="1.31")
        assert OrtProvider(CUDA).environment == ""
        monkeypatch.setenv("ONNXACCEL_PYTHON_ORT_CUDA", "/nowhere/python")
        found = OrtProvider(CUDA)
        assert (found.environment, found.availability().ok) == ("ort-cuda", False)
        assert found.availability().reason == "the interpreter named for ort-cuda does not exist: /nowhere/python"

    @pytest.mark.parametrize(("row", "system"), [(COREML, "Linux"), (DML, "Darwin")])
    def test_another_system(self, monkeypatch: pytest.MonkeyPatch, row: ProviderRow, system: str) -> None:
        monkeypatch.setattr(platform, "system", lambda: system)
        found = OrtProvider(row).availability()
        assert not found.ok
        assert found.reason.startswith(f"{row.title} needs ")

    def test_without_any_runtime_the_cpu_backend_names_the_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        installed(monkeypatch)
        monkeypatch.setattr(ort_cpu, "onnxruntime_remains", dict)
        found = ort_cpu.OrtCpu().availability()
        assert (found.ok, found.reason) == (False, "onnxruntime is not installed")
        assert found.remedy == 'python -m pip install "pytest-onnxaccel[cpu]"'


class FakeOrt:
    """An ``InferenceSession`` that ran where the test wants it, and answers what the test wants of its options."""

    def __init__(self, placed: dict[str, int] | None, providers: list[str], answers: dict[str, str]) -> None:
        self._providers, self._answers = providers, answers
        if placed is not None:
            node = SimpleNamespace(name="n", op_type="Odd", domain="")
            self.get_provider_graph_assignment_info = lambda: [
                SimpleNamespace(ep_name=name, get_nodes=lambda n=count: [node] * n) for name, count in placed.items()
            ]

    def get_providers(self) -> list[str]:
        return self._providers

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return {EP: self._answers}

    def get_inputs(self) -> list[Any]:
        return []

    get_overridable_initializers = get_inputs

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name="y", type="tensor(float)", shape=[1])]


class Load:
    """Loads a model in ``ort-cuda`` where ``InferenceSession`` is a stand-in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch = monkeypatch
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [EP, CPU])
        monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
        self.given: list[dict[str, str]] = []

    def __call__(
        self,
        placed: dict[str, int] | None,
        providers: tuple[str, ...] = (EP, CPU),
        answers: dict[str, str] | None = None,
        refuses: str = "",
        made: OrtProvider | None = None,
    ) -> Any:
        def session(model: Any, options: Any, providers_: Any = (), **kwargs: Any) -> FakeOrt:
            asked = dict(kwargs["providers"][0][1])
            self.given.append(asked)
            assert kwargs["enable_fallback"] == 0
            if refuses in asked:
                raise RuntimeError(f"Unknown provider option: {refuses}")
            return FakeOrt(placed, list(providers), answers or {})

        self.patch.setattr(onnxruntime, "InferenceSession", session)
        return (made or OrtProvider(CUDA)).load("model.onnx", LoadOptions())


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    return Load(monkeypatch)


class TestPlacement:
    def test_a_runtime_built_without_cuda(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
        with pytest.raises(BackendUnavailable, match="built without CUDA"):
            OrtProvider(CUDA).load("model.onnx", LoadOptions())

    def test_a_provider_that_did_not_start_is_caught(self, load: Load) -> None:
        with pytest.raises(BackendUnavailable, match="would fall back to the CPU") as caught:
            load(None, (CPU,))
        assert "onnxruntime-gpu[cuda,cudnn]" in str(caught.value)

    def test_a_session_that_placed_every_node_on_the_cpu(self, load: Load) -> None:
        with pytest.raises(ModelError, match="no node of the model runs on CUDA: all 5 went to the CPU") as caught:
            load({CPU: 5})
        assert caught.value.code == "V_PLACEMENT"

    def test_nodes_left_on_the_cpu_are_named(self, load: Load) -> None:
        info = load({EP: 7, CPU: 2}).info
        assert info.notes == ("2 of 9 nodes run on the CPU",)
        assert info.facts["placement"] == {
            "nodes": {EP: 7, CPU: 2}, "cpu": [["n", "Odd"], ["n", "Odd"]], "cpu_operators": {"Odd": 2},
        }  # fmt: skip
        assert (info.facts["provider"], info.facts["device"]) == (EP, "cuda:0")

    def test_a_model_wholly_on_the_gpu_has_no_note(self, load: Load) -> None:
        assert load({EP: 7}).info.notes == ()

    def test_a_version_that_cannot_tell_says_so(self, load: Load) -> None:
        info = load(None).info
        assert (info.facts["placement"], info.notes) == (None, ("this onnxruntime cannot tell where nodes run",))


class TestOptions:
    def test_the_device_is_an_option(self, load: Load) -> None:
        load({EP: 1}, made=OrtProvider(CUDA, "1"))
        assert load.given == [{"device_id": "1"}]

    def test_what_was_asked_and_answered_is_recorded(self, load: Load) -> None:
        made = OrtProvider(CUDA, "", (("use_tf32", "0"),))
        info = load({EP: 1}, answers={"use_tf32": "0", "gpu_mem_limit": "9"}, made=made).info
        assert info.facts["provider_options"] == {"use_tf32": "0", "gpu_mem_limit": "9", "device_id": "0"}

    def test_an_answer_that_is_not_what_was_asked(self, load: Load) -> None:
        made = OrtProvider(CUDA, "", (("use_tf32", "0"),))
        with pytest.raises(ConfigError, match="use_tf32=0 was asked for, and the provider has 1"):
            load({EP: 1}, answers={"use_tf32": "1"}, made=made)

    def test_an_option_that_the_provider_does_not_know(self, load: Load) -> None:
        made = OrtProvider(CUDA, "", (("use_tf23", "0"),))
        with pytest.raises(ConfigError, match="CUDA refuses the option use_tf23=0") as caught:
            load({EP: 1}, refuses="use_tf23", made=made)
        assert caught.value.remedy == "did you mean 'use_tf32'?"

    def test_a_device_that_is_not_there(self, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        def session(model: Any, options: Any, providers: Any, **_: Any) -> FakeOrt:
            there = providers[0][1].get("device_id", "0") == "0"
            return FakeOrt({EP: 1}, [EP, CPU] if there else [CPU], {})

        monkeypatch.setattr(onnxruntime, "InferenceSession", session)
        with pytest.raises(BackendUnavailable, match="CUDA has no device '7' here"):
            OrtProvider(CUDA, "7").load("model.onnx", LoadOptions())

    def test_values_fit_their_type(self) -> None:
        assert checked(CUDA, {"use_tf32": False, "gpu_mem_limit": 5, "new": "x"}) == (
            ("use_tf32", "False"), ("gpu_mem_limit", "5"), ("new", "x"),
        )  # fmt: skip
        for wrong in ({"use_tf32": "maybe"}, {"gpu_mem_limit": "much"}, {"cudnn_conv_algo_search": "FAST"}):
            with pytest.raises(ConfigError, match="does not fit the option"):
                checked(CUDA, wrong)

    def test_equal_answers(self) -> None:
        assert unlike((("a", "True"), ("b", "1")), {"a": "1", "c": "2"}) == []
        assert unlike((("a", "1"),), {"a": "11"}) == ["a=1 was asked for, and the provider has 11"]

    def test_variants_are_the_providers_own(self) -> None:
        found = dict(OrtProvider(CUDA).variants(LoadOptions(spin=False)))
        assert found["TF32 off"] == LoadOptions(spin=False, provider=(("use_tf32", "0"),))


class TestTwoClocks:
    """With the CPU's provider, whose device is the machine's memory."""

    def session(self, tmp_path: Any) -> Any:
        path = tmp_path / "m.onnx"
        path.write_bytes(graphs.mlp().SerializeToString())
        return opening.open_session(Wanted(ROWS["cpu"]), str(path), LoadOptions(threads=1))

    def test_tensors_that_stay_give_the_same(self, tmp_path: Any) -> None:
        session = self.session(tmp_path)
        (spec,) = session.info.inputs
        feeds = {spec.name: np.random.default_rng(0).normal(size=(3, spec.shape[1])).astype(np.float32)}
        call, fetch = session.resident(feeds)
        call()
        for name, value in session.run(feeds).items():
            np.testing.assert_array_equal(fetch()[name], value)

    def test_only_a_plan_that_asks_gets_the_second_clock(self, tmp_path: Any) -> None:
        session = self.session(tmp_path)
        feeds = {session.info.inputs[0].name: np.ones((1, session.info.inputs[0].shape[1]), np.float32)}
        quick = TimingPlan(samples=6, warmup=1, seconds=1.0, steady=False)
        assert session.time(feeds, quick).device_ns == ()
        both = session.time(feeds, replace(quick, resident=True))
        assert len(both.device_ns) >= 3
        assert Timing.from_json(both.to_json()) == both


@pytest.mark.parametrize(
    "said",
    [
        "CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; expr=cudaMalloc((void**)&p, size);",
        "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 67108864",
        "CUBLAS_STATUS_ALLOC_FAILED", "hipErrorOutOfMemory", "std::bad_alloc",
    ],
)  # fmt: skip
def test_memory_that_runs_out_names_the_batch(said: str) -> None:
    error = run_error(RuntimeError(said), 64)
    assert (error.code, error.remedy) == ("E_MEMORY", "a smaller batch may fit")
    assert error.cause.startswith("memory ran out at batch 64: ")
    assert run_error(RuntimeError("CUDA failure 700: illegal memory access"), 64).code == "E_RUN"


def test_a_model_that_is_wrong_is_not_the_providers_fault(tmp_path: Any) -> None:
    """With the CPU's provider, which is here: what is at fault is found with a small model."""
    path = tmp_path / "m.onnx"
    path.write_bytes(b"no model")
    cpu = Wanted(ROWS["cpu"])
    with pytest.raises(OnnxAccelError) as caught:
        opening.open_session(cpu, str(path), LoadOptions())
    assert caught.value.code == "E_PARSE"
    path.write_bytes(graphs.small_cnn().SerializeToString())
    session = opening.open_session(cpu, str(path), LoadOptions())
    feeds = {"image": np.ones((1, 3, 8, 8), np.float32)}
    assert np.isfinite(session.run(feeds)["logits"]).all()
    assert set(session.info.facts["placement"]["nodes"]) == {CPU}
