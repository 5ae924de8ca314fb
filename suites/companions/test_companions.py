"""Other plugins beside ours, all at once: the same rows as alone; their reports show figures and messages.

The tests use the plugins that are installed. ``tox -e plugins`` installs all of :data:`PLUGINS` and says so by
``ONNXACCEL_REQUIRE_PLUGINS``; with ``ONNXACCEL_ALL_REPOSITORIES`` every sample repository is run, which takes minutes.
"""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

import pytest

from suites.companions.sample import build
from suites.repositories.test_repositories import NAMES, ROOT
from suites.repositories.test_repositories import build as build_net

#: Arguments by distribution; those without arguments change a run by being there.
PLUGINS = {
    "pytest-xdist": ("-n", "2"),
    "pytest-randomly": (),
    "pytest-rerunfailures": ("--reruns=1",),
    "pytest-timeout": ("--timeout=250",),
    "pytest-html": ("--html=report.html", "--self-contained-html"),
    "pytest-json-report": ("--json-report", "--json-report-file=json-report.json"),
    "pytest-cov": ("--cov=.",),
    "pytest-benchmark": (),
    "pytest-asyncio": (),
    "pytest-sugar": (),
    "pytest-split": ("--splits=1", "--group=1"),
    "pytest-metadata": ("--metadata", "stage", "gate"),
    "syrupy": (),
    "allure-pytest": ("--alluredir=allure",),
}
#: Its table, its summary of passed and failed and its progress are other plugins' to change.
ROW = ("nodeid", "check", "model", "backend", "reference", "batch", "verdict", "code", "message", "xfail")


@cache
def installed() -> frozenset[str]:
    return frozenset(str(found.name).lower() for found in distributions())


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(name not in installed(), reason=f"needs {name}: tox -e plugins")


def run(folder: Path, name: str, *arguments: str, alone: bool) -> tuple[int, str, list[tuple[object, ...]]]:
    """Exit status, output and rows of pytest in *folder*, with the other plugins or without any."""
    several = [word for plugin, words in PLUGINS.items() if plugin in installed() for word in words]
    plugin = ["-p", "pytest_onnxaccel.plugin"] if alone else several
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV_CORE")}
    if alone:
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--onnx-report={name}.json"]
    done = subprocess.run(
        [*command, "--junitxml=junit.xml", *plugin, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    report = folder / f"{name}.json"
    assert report.exists(), done.stdout + done.stderr
    rows = json.loads(report.read_text())["results"]
    return done.returncode, done.stdout + done.stderr, sorted(tuple(str(row[key]) for key in ROW) for row in rows)


#: Timings differ between runs whatever runs beside them.
GATE = ("--onnx-backend=ort-cpu", "-m", "not latency")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample repository, run alone and with every other plugin; what the runs gave is in ``outcomes``."""
    folder = build(tmp_path_factory.mktemp("companions") / "repository")
    outcomes = {name: run(folder, name, *GATE, alone=name == "alone") for name in ("alone", "beside")}
    (folder / "outcomes").write_text(json.dumps(outcomes))
    return folder


def outcome(folder: Path, name: str) -> tuple[int, str, list[list[str]]]:
    status, out, rows = json.loads((folder / "outcomes").read_text())[name]
    return status, out, rows


def test_all_plugins_are_here_where_they_are_asked_for() -> None:
    if os.environ.get("ONNXACCEL_REQUIRE_PLUGINS"):
        assert sorted(PLUGINS.keys() - installed()) == []


def test_rows_are_the_same_beside_other_plugins(finished: Path) -> None:
    status, out, rows = outcome(finished, "alone")
    assert status == 1
    assert {row[ROW.index("verdict")] for row in rows} == {"passed", "failed", "not_applicable"}, out
    assert len(rows) > 20
    again, more, beside = outcome(finished, "beside")
    assert (again, beside) == (status, rows), more
    assert "INTERNALERROR" not in more
    assert "Traceback" not in more


def test_junit_is_flat(finished: Path) -> None:
    cases = ET.parse(finished / "junit.xml").getroot().iter("testcase")
    found = {case.get("name"): [one.attrib for one in case.iter("property")] for case in cases}
    parity = {one["name"]: one["value"] for one in found["test_another_model[net-ort-cpu]"]}
    assert parity["onnxaccel.verdict"] == "failed"
    assert float(parity["onnxaccel.max_abs"]) > 1
    assert "onnxaccel" not in parity
    assert not any(value.startswith("{") for value in parity.values())


@needs("pytest-html")
def test_a_row_of_pytest_html_has_figures_and_message(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    blob = re.search(r'data-jsonblob="(.*?)"', page, re.DOTALL)
    assert blob is not None
    tests = json.loads(html.unescape(blob.group(1)))["tests"]
    heads = re.findall(r"<th.*?>(.*?)</th>", page)
    place = heads.index("ONNX checks")
    cells = {name: several[-1]["resultsTableRow"] for name, several in tests.items()}
    assert {len(row) for row in cells.values()} == {len(heads)}
    failed = html.unescape(cells["test_net.py::test_another_model[net-ort-cpu]"][place])
    assert "parity[ort-cpu~other.onnx-b1]: failed (V_PARITY); output 'y': 100.00% of the elements" in failed
    assert "max abs error 1.8" in failed
    passed = cells["net.onnx::structure"][place]
    assert ">structure: passed; opset 17" in passed
    assert cells["test_net.py::test_of_no_model"][place] == '<td class="col-onnx"></td>'


@needs("pytest-json-report")
def test_a_row_of_json_report_has_the_properties(finished: Path) -> None:
    tests = json.loads((finished / "json-report.json").read_text())["tests"]
    # pytest-json-report keeps each of a test's properties as an object of one
    found = {one["nodeid"]: one.get("user_properties", []) for one in tests}
    names = {name for one in found["test_net.py::test_another_model[net-ort-cpu]"] for name in one}
    assert {"onnxaccel.verdict", "onnxaccel.message", "onnxaccel.max_abs"} <= names


@needs("allure-pytest")
def test_a_row_of_allure_has_figures_and_message(finished: Path) -> None:
    results = [json.loads(path.read_text()) for path in (finished / "allure").glob("*-result.json")]
    found = next(one for one in results if one["name"] == "test_another_model[net-ort-cpu]")
    told = {one["name"]: one["value"] for one in found["parameters"] if one.get("excluded")}
    title = "parity[ort-cpu~other.onnx-b1]"
    assert told[f"{title} verdict"] == "failed (V_PARITY)"
    assert told[f"{title} message"].startswith("output 'y'")
    assert float(told[f"{title} max abs error"]) > 1
    plain = next(one for one in results if one["name"] == "test_of_no_model")
    assert plain.get("parameters", []) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.skipif("not os.environ.get('ONNXACCEL_ALL_REPOSITORIES')", reason="takes minutes; runs every night")
def test_every_sample_repository(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "repository"
    shutil.copytree(ROOT / name, folder)
    for file, factor in (("net.onnx", 1), ("other.onnx", 2), ("unoptimized.onnx", 1), ("models/third.onnx", 3)):
        build_net(folder / file, factor)
    if not (folder / "pytest.ini").exists():
        (folder / "pytest.ini").write_text("[pytest]\n")
    given = shlex.split((folder / "arguments.txt").read_text())
    status, out, rows = run(folder, "alone", *given, alone=True)
    again, more, beside = run(folder, "beside", *given, alone=False)
    assert (status, rows) == (again, beside), out + more
