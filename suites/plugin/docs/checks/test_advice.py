"""The examples of docs/advice.md and docs/scenarios.md do what the pages say."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures import graphs
from suites.pages import code_of

DOCS = Path(__file__).parents[4] / "docs"
ADVICE = (DOCS / "advice.md").read_text(encoding="utf-8")
SCENARIOS = (DOCS / "scenarios.md").read_text(encoding="utf-8")


def arguments(page: str, name: str) -> list[str]:
    return [*shlex.split(code_of(page, name))[1:], "--onnx-backend=ort-cpu", "-k", "latency"]


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """Small, with weights among its inputs; as the page's detector, it takes an ``input``."""
    path = tmp_path / "detector.onnx"
    path.write_bytes(graphs.initializers_as_inputs().SerializeToString())
    return path


def test_advice_is_printed_as_the_page_shows(gate: Callable, detector: Path) -> None:
    run = gate(*arguments(ADVICE, "advise"))
    assert run.status == 0, run.out
    shown = re.search(r"```text\n(advice for .*?)\n", ADVICE)
    assert shown
    assert shown[1] in run.out
    assert "- advised: " in run.out
    assert re.search(r"^- float16: refused: outputs differ: ", run.out, re.MULTILINE)
    assert not (run.folder / "advice").exists()


def test_every_kind_is_in_the_pages_table(gate: Callable, detector: Path) -> None:
    told = gate(*arguments(ADVICE, "write")).row("latency")["figures"]["advice"]
    documented = set(re.findall(r"^\| `(\w+)` \|", ADVICE, re.MULTILINE))
    assert documented == {item["kind"] for item in told["tried"]} | {told["throughput"]["kind"]}
    if told["files"]:
        listed = re.findall(r"^- `(\S+)`: ", ADVICE, re.MULTILINE)
        assert {Path(file).name for file in told["files"]} == set(listed)


def test_a_manifest_allows_more_error(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / "ranker.onnx").write_bytes(graphs.mlp().SerializeToString())
    (tmp_path / "onnxaccel.toml").write_text(code_of(ADVICE, "tolerant"))
    told = gate("--onnx-backend=ort-cpu", "-k", "latency").row("latency")["figures"]["advice"]
    outcomes = {item["kind"]: item["outcome"] for item in told["tried"]}
    assert {outcomes["float16"], outcomes["int8"]} <= {"helps", "no gain", "undecided"}


def test_the_written_session_is_used_as_shown(tmp_path: Path, shipped: Path) -> None:
    """The example against a script that was written for a model with that input."""
    from pytest_onnxaccel.backends.protocol import LoadOptions
    from pytest_onnxaccel.checks.advice.recommend import Advice
    from pytest_onnxaccel.checks.advice.speedup import Gain
    from pytest_onnxaccel.runner.advice.write_files import script

    shutil.copy(shipped / "rfb-320.onnx", tmp_path / "detector.onnx")
    advice = Advice((), titles=("no memory arena",), whole=Gain(2.0, 1.9, 2.1))
    text = script("detector.onnx", "CPUExecutionProvider", LoadOptions(arena=False), advice, "1.0")
    (tmp_path / "session.py").write_text(text)
    code = code_of(ADVICE, "use") + "\nprint(sorted(outputs))\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['boxes', 'scores']", done.stderr


def test_a_rate_on_the_command_line(gate: Callable, detector: Path) -> None:
    run = gate(*arguments(SCENARIOS, "server"))
    assert run.row("latency")["verdict"] in ("passed", "inconclusive"), run.out
    shown = re.search(
        r"^(scenario server:100/s of detector.onnx \[ort-cpu\]: at 100/s) \(busy", SCENARIOS, re.MULTILINE
    )
    assert shown
    assert shown[1] in run.out


def test_the_test_file(gate: Callable, detector: Path, tmp_path: Path) -> None:
    (tmp_path / "test_detector.py").write_text(code_of(SCENARIOS, "tests"))
    run = gate("--onnx-model=detector.onnx", "--onnx-backend=ort-cpu", "-k", "test_detector")
    assert run.status == 0, run.out
    names = {row["figures"]["scenario"]["name"] for row in run.rows if row["check"] == "latency"}
    assert names == {"server:100/s", "idle-gap:5ms"}


def test_every_scenario_is_on_the_page() -> None:
    from pytest_onnxaccel.core.specs import Scenario

    assert {name for name in Scenario.KINDS if f"`{name}" in SCENARIOS} == set(Scenario.KINDS)
