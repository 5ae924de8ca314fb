"""What the doctor prints."""

from __future__ import annotations

import json

import pytest

from pytest_onnxaccel import __main__, doctor
from pytest_onnxaccel.doctor.diagnosis import BackendState, Diagnosis, Problem
from pytest_onnxaccel.doctor.page import render


def diagnosis(*backends: BackendState, problems: tuple[Problem, ...] = ()) -> Diagnosis:
    python = {"version": "3.11.7", "executable": "/venv/bin/python", "platform": "Linux x86_64"}
    this = {"cores": 1, "memory": 8e9, "nvidia_driver": "", "sandbox": "Landlock 7 (files)"}
    return Diagnosis("0.1.0", python, this, {"onnx": "1.23.2"}, backends, problems)


ORT = BackendState("ort-cpu", "built-in", "runs", "runtime", "", "", {"onnxruntime": "1.32.0"}, "2 cores", "CPU")
ORACLE = BackendState("reference", "built-in", "runs", "oracle", "", "", {"onnx": "1.23.2"}, "2 cores", "numpy")
ABSENT = BackendState("acme", "acme-onnx 1.0", "absent", "runtime", "no license", "acme login")


def test_what_backends_and_paths_say_is_harmless() -> None:
    evil = "::error::\x1b[2J\n##vso[x]\udcff"
    state = BackendState(evil, evil, "broken", evil, evil, evil, {evil: evil}, evil, evil, evil)
    found = diagnosis(state, problems=(Problem(evil, evil, evil),))
    text = render(found) + json.dumps(found.to_json(), ensure_ascii=False, indent=2)
    assert text.encode()
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::") or "##vso[" in line]
    assert "\x1b" not in text


class TestPage:
    def test_text(self) -> None:
        clash = Problem("onnxruntime-twice", "two lie over each other", "pip uninstall")
        assert render(diagnosis(ORT, ORACLE, ABSENT, problems=(clash,))).splitlines() == [
            "pytest-onnxaccel 0.1.0",
            "  Python 3.11.7 (/venv/bin/python)",
            "  Linux x86_64, 1 core, 8 GB",
            "  onnx 1.23.2",
            "  NVIDIA driver: none found",
            "  Sandbox of workers: Landlock 7 (files)",
            "",
            "Backends",
            "  ort-cpu    runs (onnxruntime 1.32.0, CPU, 2 cores)",
            "  reference  runs (onnx 1.23.2, numpy, 2 cores; an oracle, only compared with)",
            "  acme       does not run: no license [from acme-onnx 1.0]",
            "             fix it: acme login",
            "",
            "Problems",
            "  two lie over each other",
            "    fix it: pip uninstall",
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
