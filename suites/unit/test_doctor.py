"""What the doctor makes of an installation, a machine and a backend; no package is installed for it."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pytest_onnxaccel import __main__, doctor, registry
from pytest_onnxaccel.backends.protocol import GROUP
from pytest_onnxaccel.doctor import machine, packages, states
from pytest_onnxaccel.doctor.ask import ask
from pytest_onnxaccel.doctor.diagnosis import BackendState, Diagnosis, Problem
from pytest_onnxaccel.doctor.page import render
from pytest_onnxaccel.doctor.trial import Trial, Trials
from pytest_onnxaccel.errors import BackendCrashed, BackendUnavailable

Install = Callable[..., None]

MODULE = ("onnxruntime/__init__.py", "onnxruntime/capi/build_and_package_info.py")


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """``install(name, version, files)``: what an installer leaves; the last one's files lie there."""

    def run(name: str, version: str, files: tuple[str, ...] = MODULE, record: bool = True) -> None:
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(f"package_name = '{name}'\n__version__ = '{version}'\n")
        if record:
            (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))

    return run


def problems(folder: Path, driver: bool = False) -> list[Problem]:
    return packages.problems(driver, [str(folder)])


class TestPackages:
    def test_one_complete_distribution_is_no_problem(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime", "1.32.0")
        install("onnx", "1.23.2", ("onnx/__init__.py",))
        assert problems(tmp_path) == []

    def test_over_each_other_names_whose_files_are_there(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime", "1.32.0")
        install("onnxruntime-gpu", "1.31.0")
        (found,) = problems(tmp_path)
        assert found.code == "onnxruntime-twice"
        assert "onnxruntime 1.32.0 and onnxruntime-gpu 1.31.0 are installed over each other" in found.what
        assert "the files there are those of onnxruntime-gpu 1.31.0" in found.what
        assert "uninstalling either breaks the other" in found.what
        both = "python -m pip uninstall -y onnxruntime onnxruntime-gpu && python -m pip install "
        assert found.remedy == both + "onnxruntime"

    def test_over_each_other_keeps_the_gpu_where_there_is_one(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime-gpu", "1.31.0")
        install("onnxruntime", "1.32.0")
        (found,) = problems(tmp_path, driver=True)
        assert "the files there are those of onnxruntime 1.32.0" in found.what
        assert found.remedy.endswith('&& python -m pip install "onnxruntime-gpu[cuda,cudnn]"')

    def test_over_each_other_without_a_trace_of_the_owner(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime-directml", "1.24.0", MODULE[:1])
        install("onnxruntime-openvino", "1.24.0", MODULE[:1])
        (found,) = problems(tmp_path)
        assert "whose files are there cannot be told" in found.what

    def test_distributions_without_a_list_of_files(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime", "1.32.0", record=False)
        assert problems(tmp_path) == []
        install("onnxruntime-gpu", "1.32.0", record=False)
        assert [p.code for p in problems(tmp_path)] == ["onnxruntime-twice"]

    def test_neighbours_of_another_module_do_not_clash(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime", "1.32.0")
        install("onnxruntime-extensions", "0.14.0", ("onnxruntime_extensions/__init__.py",))
        assert problems(tmp_path) == []

    def test_files_that_went_with_another_distribution(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime", "1.32.0", (*MODULE, "onnxruntime/LICENSE"))
        (tmp_path / MODULE[0]).unlink()
        (found,) = problems(tmp_path)
        assert found.code == "onnxruntime-incomplete"
        assert "1 of its 3 files are gone, such as onnxruntime/__init__.py" in found.what
        assert found.remedy == "python -m pip install --force-reinstall --no-deps onnxruntime==1.32.0"

    def test_compiled_files_may_be_gone(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime", "1.32.0", (*MODULE, "onnxruntime/__pycache__/a.cpython-311.pyc"))
        (tmp_path / "onnxruntime/__pycache__/a.cpython-311.pyc").unlink()
        assert problems(tmp_path) == []

    def test_too_old(self, install: Install, tmp_path: Path) -> None:
        install("onnx", "1.20.1", ("onnx/__init__.py",))
        install("onnxruntime", "1.9.0")
        old = problems(tmp_path)
        assert [p.what.split(",")[0] for p in old] == [
            "onnx 1.20.1 is older than 1.21",
            "onnxruntime 1.9.0 is older than 1.24",
        ]
        assert old[0].remedy == 'python -m pip install --upgrade "onnx>=1.21"'

    def test_floors_are_those_of_the_project(self) -> None:
        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
        extras = project["optional-dependencies"]
        declared = "\n".join([*project["dependencies"], *extras["cpu"], *extras["gpu"]])
        for name, floor in packages.FLOORS.items():
            extra = "[cuda,cudnn]" if name == "onnxruntime-gpu" else ""
            assert f"{name}{extra}>={floor}" in declared


class TestMachine:
    @pytest.mark.parametrize(
        ("text", "version"),
        [
            (
                "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\nGCC version: 12",
                "535.104.05",
            ),
            ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release", "570.86.15"),
            ("something else", "found"),
        ],
    )
    def test_driver_in_proc(self, tmp_path: Path, text: str, version: str) -> None:
        file = tmp_path / "proc/driver/nvidia/version"
        file.parent.mkdir(parents=True)
        file.write_text(text)
        assert machine.nvidia_driver(tmp_path) == version

    def test_driver_without_a_version(self, tmp_path: Path) -> None:
        (tmp_path / "dev").mkdir()
        (tmp_path / "dev/nvidiactl").touch()
        assert machine.nvidia_driver(tmp_path) == "found"

    def test_no_driver(self, tmp_path: Path) -> None:
        assert machine.nvidia_driver(tmp_path) == ""


THIRD = """
import os, time
from pytest_onnxaccel.backends.ort_cpu import OrtCpu
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
        monkeypatch.setattr("pytest_onnxaccel.environments.environment.interpreter", lambda *_: "/x/python")
        crash = Trial(1.0, BackendCrashed("the runtime died of SIGSEGV", remedy="the model kills this runtime"))
        found = states.state(item, False, lambda name: crash)
        assert found.reason == "the runtime died of SIGSEGV"
        assert found.remedy == "python -m pytest_onnxaccel env onnx-tf --rebuild"
        assert found.interpreter == "/x/python"

    def test_gpu_backend_without_a_driver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        item = next(item for item in states.registered() if item.point.name == "ort-cuda")
        monkeypatch.setattr(
            "pytest_onnxaccel.backends.ort_cuda.onnxruntime_distributions",
            lambda: {"onnxruntime-gpu": "1.31.0"},
        )
        fallen = Trial(1.0, BackendUnavailable("fell back to the CPU", remedy="pip install cuda"))
        without, with_driver = (states.state(item, driver, lambda name: fallen) for driver in (False, True))
        assert without.reason == "no NVIDIA driver was found on this machine; fell back to the CPU"
        assert without.remedy == "pip install cuda  # on a machine with an NVIDIA GPU"
        assert (with_driver.reason, with_driver.remedy) == ("fell back to the CPU", "pip install cuda")

    def test_built_in_backends_come_first(self) -> None:
        names = [item.point.name for item in states.registered() if item.source == states.BUILT_IN]
        assert names == ["onnx-tf", "ort-cpu", "ort-cuda", "reference", "tensorflow", "torch"]


def diagnosis(*backends: BackendState, problems: tuple[Problem, ...] = ()) -> Diagnosis:
    python = {"version": "3.11.7", "executable": "/venv/bin/python", "platform": "Linux x86_64"}
    this = {"cores": 1, "memory": 8e9, "nvidia_driver": ""}
    return Diagnosis("0.1.0", python, this, {"onnx": "1.23.2"}, backends, problems)


ORT = BackendState("ort-cpu", "built-in", "runs", "runtime", "", "", {"onnxruntime": "1.32.0"}, "2 cores", "CPU")
ORACLE = BackendState("reference", "built-in", "runs", "oracle", "", "", {"onnx": "1.23.2"}, "2 cores", "numpy")
ABSENT = BackendState("acme", "acme-onnx 1.0", "absent", "runtime", "no license", "acme login")


class TestPage:
    def test_text(self) -> None:
        clash = Problem("onnxruntime-twice", "two lie over each other", "pip uninstall")
        assert render(diagnosis(ORT, ORACLE, ABSENT, problems=(clash,))).splitlines() == [
            "pytest-onnxaccel 0.1.0",
            "  Python 3.11.7 (/venv/bin/python)",
            "  Linux x86_64, 1 core, 8 GB",
            "  onnx 1.23.2",
            "  NVIDIA driver: none found",
            "",
            "Backends",
            "  ort-cpu    runs (onnxruntime 1.32.0, CPU, 2 cores)",
            "  reference  runs (onnx 1.23.2, numpy, 2 cores; an oracle, only compared with)",
            "  acme       does not run: no license [from acme-onnx 1.0]",
            "             mend it: acme login",
            "",
            "Problems",
            "  two lie over each other",
            "    mend it: pip uninstall",
            "",
            "2 of 3 backends run here; 1 problem.",
        ]

    def test_oracle_alone_validates_nothing(self) -> None:
        found = diagnosis(ORACLE, ABSENT)
        assert not found.works
        last = "1 of 2 backends run here; no runtime runs here, so that no model can be validated."
        assert render(found).endswith(last)

    def test_color_only_when_asked(self) -> None:
        assert "\x1b" not in render(diagnosis(ORT, ABSENT))
        colored = render(diagnosis(ORT, ABSENT), color=True)
        assert "\x1b[32mruns\x1b[0m" in colored
        assert "\x1b[31mdoes not run\x1b[0m" in colored

    @pytest.mark.parametrize(("backends", "status"), [((ORT, ABSENT), 0), ((ORACLE, ABSENT), 1), ((), 1)])
    def test_exit_status(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        backends: tuple[BackendState, ...],
        status: int,
    ) -> None:
        monkeypatch.setattr(doctor, "diagnose", lambda probe, say: diagnosis(*backends))
        assert __main__.main(["doctor", "--json"]) == status
        found = json.loads(capsys.readouterr().out)
        assert found["format"] == 1
        assert found["works"] is (status == 0)
        assert [state["name"] for state in found["backends"]] == [state.name for state in backends]
