"""What the doctor makes of backends, those of others among them."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pytest_onnxaccel.backends.protocol import GROUP
from pytest_onnxaccel.core.errors import BackendCrashed, BackendUnavailable
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.doctor import states
from pytest_onnxaccel.doctor.ask import ask
from pytest_onnxaccel.doctor.trial import Trial, Trials

THIRD = """
import os, time
from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.protocol import Availability

class Good(OrtCpu):
    name = "good"
    def availability(self):
        return Availability(True, versions={"acme": "1.0"}, devices=("npu:0",))

class Lacking(OrtCpu):
    def availability(self):
        return Availability(False, "no license was found", "acme login")

class Hanging(Good):
    def load(self, path, options):
        time.sleep(600)

class Odd(Good):
    def prepare(self, operators, opset):
        raise RuntimeError("odd")

class Wrong(Good):
    def load(self, path, options):
        session = super().load(path, options)
        run = session.run
        session.run = lambda feeds: {name: value + 1 for name, value in run(feeds).items()}
        return session
"""


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], states.Registered]:
    """``third_party(attribute)``: an entry point of the module above; workers find it too."""
    (tmp_path / "acme_backend.py").write_text(THIRD)
    (tmp_path / "acme_crash.py").write_text("import os\nos.abort()\n")
    (tmp_path / "acme_hang.py").write_text("import time\ntime.sleep(600)\n")
    (tmp_path / "acme_exit.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def register(reference: str) -> states.Registered:
        point = EntryPoint("acme", reference if ":" in reference else f"acme_backend:{reference}", GROUP)
        monkeypatch.setitem(registry._group(GROUP), "acme", point)
        return states.Registered(point, "acme-onnx 1.0")

    return register


def never(name: str) -> Trial:
    raise AssertionError(f"{name} must not be tried")


class TestStates:
    @pytest.mark.parametrize(
        ("reference", "reason"),
        [
            ("acme_none:Backend", "ModuleNotFoundError: No module named 'acme_none'"),
            ("acme_backend:None_", "AttributeError: module 'acme_backend' has no attribute 'None_'"),
            ("acme_crash:Backend", "its import ended the interpreter (SIGABRT)"),
            ("acme_exit:Backend", "SystemExit: 3"),
        ],
    )
    def test_broken_entry_point(
        self, third_party: Callable[[str], states.Registered], reference: str, reason: str
    ) -> None:
        found = states.state(third_party(reference), False, never)
        assert found.status == "broken"
        assert not found.works
        assert found.reason == f"its entry point cannot be used: {reason}"
        assert found.remedy == "python -m pip install --force-reinstall acme-onnx"

    def test_import_that_hangs(self, third_party: Callable[[str], states.Registered]) -> None:
        third_party("acme_hang:Backend")
        assert ask("acme_hang:Backend", seconds=1).error == "its import did not end within 1 s"

    def test_absent(self, third_party: Callable[[str], states.Registered]) -> None:
        found = states.state(third_party("Lacking"), False, never)
        assert (found.status, found.reason, found.remedy) == ("absent", "no license was found", "acme login")

    def test_not_tried(self, third_party: Callable[[str], states.Registered]) -> None:
        found = states.state(third_party("Good"), False, None)
        assert (found.status, found.works, found.device) == ("untried", True, "npu:0")

    def test_runs(self, third_party: Callable[[str], states.Registered]) -> None:
        trials = Trials(30)
        try:
            found = states.state(third_party("Good"), False, trials.run)
        finally:
            trials.close()
        assert (found.status, found.reason, found.remedy) == ("runs", "", "")
        assert found.provider == "CPUExecutionProvider"
        assert found.source == "acme-onnx 1.0"
        assert found.seconds

    @pytest.mark.parametrize(
        ("attribute", "seconds", "reason"),
        [
            ("Hanging", 1, "no answer within 1 s, the worker was ended"),
            ("Odd", 30, "RuntimeError: odd"),
            (
                "Wrong",
                30,
                "it computes a small model wrongly: [[2.25, -1.5, 3.0]] instead of [[1.25, -2.5, 2.0]]",
            ),
        ],
    )
    def test_fails(
        self,
        third_party: Callable[[str], states.Registered],
        attribute: str,
        seconds: float,
        reason: str,
    ) -> None:
        trials = Trials(seconds)
        try:
            found = states.state(third_party(attribute), False, trials.run)
        finally:
            trials.close()
        assert (found.status, found.reason) == ("fails", reason)
        assert found.remedy == "python -m pip install --force-reinstall --no-deps acme==1.0"

    def test_crash_of_an_environment_is_mended_by_building_it_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ONNXACCEL_PYTHON_ONNX_TF", os.devnull)
        item = next(item for item in states.registered() if item.point.name == "onnx-tf")
        monkeypatch.setattr("pytest_onnxaccel.environments.locate.interpreter", lambda *_: "/x/python")
        crash = Trial(1.0, BackendCrashed("the runtime died of SIGSEGV", remedy="the model kills this runtime"))
        found = states.state(item, False, lambda name: crash)
        assert found.reason == "the runtime died of SIGSEGV"
        assert found.remedy == "python -m pytest_onnxaccel env onnx-tf --rebuild"
        assert found.interpreter == "/x/python"

    def test_gpu_backend_without_a_driver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        item = next(item for item in states.registered() if item.point.name == "ort-cuda")
        monkeypatch.setattr(
            "pytest_onnxaccel.backends.onnxruntime.providers.backend.onnxruntime_distributions",
            lambda: {"onnxruntime-gpu": "1.31.0"},
        )
        fallen = Trial(1.0, BackendUnavailable("fell back to the CPU", remedy="pip install cuda"))
        without, with_driver = (states.state(item, driver, lambda name: fallen) for driver in (False, True))
        assert without.reason == "no NVIDIA driver was found on this machine; fell back to the CPU"
        assert without.remedy == "pip install cuda  # on a machine with an NVIDIA GPU"
        assert (with_driver.reason, with_driver.remedy) == ("fell back to the CPU", "pip install cuda")

    def test_built_in_backends_come_first(self) -> None:
        names = [item.point.name for item in states.registered() if item.source == states.BUILT_IN]
        assert names == [
            "function", "onnx-tf", "ort-coreml", "ort-cpu", "ort-cuda", "ort-dml", "ort-migraphx", "ort-openvino",
            "ort-qnn", "ort-tensorrt", "ort-webgpu", "reference", "tensorflow", "torch",
        ]  # fmt: skip
