"""A third party adds a backend without touching us: the one of docs/backends.md, as a distribution of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.plugin.pythonpath import before

DOCS = Path(__file__).parents[3] / "docs" / "backends.md"


def documented() -> dict[str, str]:
    """Text by the file name in its first line, of the code on the page."""
    text = DOCS.read_text(encoding="utf-8")
    return {name: code for code, name in re.findall(r"```(?:python|toml)\n(# ([\w.]+)\n.*?)```", text, re.DOTALL)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH in which the documented distribution is installed: its wheel, built and unpacked."""
    project, site = tmp_path_factory.mktemp("ort-basic"), tmp_path_factory.mktemp("site")
    for name in ("pyproject.toml", "ort_basic.py"):
        (project / name).write_text(documented()[name], encoding="utf-8")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", "dist"]
    done = subprocess.run(build, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (project / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


@pytest.fixture
def kit(site: Path, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """``kit(text)``: how each check of the test file *text* ended; under ``""`` all that was printed."""

    def run(text: str, *arguments: str, **modules: str) -> dict[str, str]:
        (tmp_path / "test_it.py").write_text(text, encoding="utf-8")
        for name, code in modules.items():
            (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", "--junitxml=out.xml"]
        done = subprocess.run(
            [*command, "test_it.py", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": before(site, tmp_path), "COLUMNS": "300"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        ended = {"": f"exit status {done.returncode}\n{done.stdout}{done.stderr}"}
        for case in ET.parse(tmp_path / "out.xml").getroot().iter("testcase"):
            said = [f"{node.tag}: {node.attrib.get('message', '')}" for node in case if node.tag != "properties"]
            name = f"{case.attrib['classname'].rpartition('.')[2]}.{case.attrib['name']}"
            ended[name] = said[0] if said else "passed"
        return ended

    return run


def test_documented_backend_is_short() -> None:
    assert len(documented()["ort_basic.py"].splitlines()) < 60


def test_documented_backend_imports_one_module_of_ours() -> None:
    ours = re.findall(r"^\s*(?:from|import) (pytest_onnxaccel\S*)", documented()["ort_basic.py"], re.MULTILINE)
    assert ours == ["pytest_onnxaccel.backend_api"]


def test_documented_backend_conforms(kit: Callable[..., dict[str, str]]) -> None:
    ended = kit(documented()["test_ort_basic.py"])
    assert ended.pop("").startswith("exit status 0"), ended
    assert len(ended) > 30
    assert set(ended.values()) == {"passed"}


def test_documented_backend_runs_every_check(gate: Callable[..., object], site: Path, shipped: Path) -> None:
    run = gate(
        "--onnx-backend=ort-basic,ort-cpu",
        f"--onnx-model={shipped / 'slim-320.onnx'}",
        env={"PYTHONPATH": before(site)},
        seconds=600,
    )
    assert run.status == 0, run.out
    for check in ("contract", "parity", "batch", "latency"):
        assert run.row(check, "ort-basic")["verdict"] == "passed", run.out
    assert run.row("parity", "ort-basic")["reference"] == "ort-cpu"


def test_unknown_backend_names_the_third_party_one(gate: Callable[..., object], site: Path, shipped: Path) -> None:
    run = gate(
        "--onnx-backend=ort-basik",
        f"--onnx-model={shipped / 'slim-320.onnx'}",
        env={"PYTHONPATH": before(site)},
    )
    assert run.status == 4
    assert "did you mean 'ort-basic'?" in run.out


#: Twins of the documented backend that break one rule: what is replaced, by what, and the check that must fail.
TWINS = {
    "Vague": ('"E_SCHEMA" if lacking else "E_PARSE"', '"E_PARSE"', "test_refuses_an_unknown_operator"),
    "Careless": (
        "def close(self):\n        self.session = None",
        "def close(self):\n        del self.session",
        "test_never",
    ),
    "Misdeclaring": ("DTYPES.get(t, t)", '"float32"', "test_says_what_it_loaded"),
}


def _twin(name: str) -> str:
    old, new, _ = TWINS[name]
    text = documented()["ort_basic.py"]
    assert text.count(old) == 1
    return text.replace(old, new)


HEAD = "from pytest_onnxaccel.testing import BackendConformance\n"


def test_twins_that_break_a_rule_fail_in_the_kit(kit: Callable[..., dict[str, str]]) -> None:
    text = HEAD
    for name in TWINS:
        text += f"import {name.lower()}\nclass Test{name}(BackendConformance):\n    make = {name.lower()}.OrtBasic\n"
    ended = kit(text, **{name.lower(): _twin(name) for name in TWINS})
    for name, (_, _, check) in TWINS.items():
        failed = [key for key, how in ended.items() if key.startswith(f"Test{name}.") and how.startswith("failure")]
        assert failed, (name, ended)
        assert {key.partition(".")[2].partition("[")[0] for key in failed} == {check}


class TestKnownFailures:
    """A twin with what it fails declared, and the right backend with the same declarations."""

    def test_the_documented_ones_are_gone_in_the_right_backend(self, kit: Callable[..., dict[str, str]]) -> None:
        ended = kit(documented()["test_ort_basic_known.py"])
        assert ended[""].startswith("exit status 1")
        gone = {name: how for name, how in ended.items() if name and how != "passed"}
        assert set(gone) == {
            "TestOrtBasic.test_refuses_an_unknown_operator",
            "TestOrtBasic.test_computes[where_bool]",
        }
        for how in gone.values():
            assert how.startswith("failure: [XPASS(strict)] ")
        assert "it has no bool tensors before 2.0 (known_failures: test_computes[where_bool])" in ended[""]

    def test_one_that_fails_is_expected(self, kit: Callable[..., dict[str, str]]) -> None:
        text = f"{HEAD}import vague\nclass TestVague(BackendConformance):\n    make = vague.OrtBasic\n"
        text += "    known_failures = {'test_refuses_an_unknown*': 'it names no operator'}\n"
        ended = kit(text, "-k", "refuses", vague=_twin("Vague"))
        assert ended.pop("").startswith("exit status 0")
        assert ended.pop("TestVague.test_refuses_an_unknown_operator").startswith("skipped: it names no operator")
        assert set(ended.values()) == {"passed"}

    def test_an_entry_for_nothing_is_an_error_whatever_is_selected(self, kit: Callable[..., dict[str, str]]) -> None:
        text = f"{HEAD}import ort_basic\nclass TestIt(BackendConformance):\n    make = ort_basic.OrtBasic\n"
        ended = kit(f"{text}    known_failures = {{'test_compute': 'x'}}\n", "-k", "describes")
        assert ended[""].startswith("exit status 2")
        said = "known_failures of TestIt: no check is called 'test_compute' - did you mean 'test_computes'?"
        assert said in ended[""]
