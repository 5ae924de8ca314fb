"""Models that kill or hang a runtime, and files that are not models: one failed item each, and the run goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from fixtures import graphs, hazards
from suites.unit.processes import heeds_interrupts

QUICK = ("--onnx-backend=ort-cpu", "-k", "not latency")


def _write(save: Callable, tmp_path: Path, kind: str) -> Path:
    """The bad file *kind*."""
    path = tmp_path / "bad.onnx"
    if kind == "truncated":
        return hazards.truncated(path, graphs.small_cnn().SerializeToString())
    if kind in ("empty", "lfs_pointer", "html", "zip_file", "garbage", "fifo"):
        made: Path = getattr(hazards, kind)(path)
        return made
    if kind == "missing":
        return path
    return save(getattr(hazards, kind)(), "bad.onnx")


CASES = [
    ("div_crash", "contract", "E_CRASH", "SIGFPE"),
    ("endless_loop", "contract", "E_TIMEOUT", "no answer within"),
    ("huge_constant", "contract", "E_MEMORY", "the worker was ended"),
    ("truncated", "structure", "E_PARSE", "truncated"),
    ("garbage", "structure", "E_PARSE", "no ONNX model"),
    ("empty", "structure", "E_NOTMODEL", "is empty"),
    ("lfs_pointer", "structure", "E_NOTMODEL", "Git LFS"),
    ("html", "structure", "E_NOTMODEL", "HTML"),
    ("zip_file", "structure", "E_NOTMODEL", "zip"),
    ("fifo", "structure", "E_FILE", "FIFO"),
    ("missing", "structure", "E_FILE", "does not exist"),
    ("external_escape", "structure", "E_EXTERNAL", "leads upwards with '..'"),
    ("external_missing", "structure", "E_EXTERNAL", "does not exist"),
]


@pytest.mark.parametrize(("kind", "check", "code", "says"), CASES, ids=[c[0] for c in CASES])
def test_one_failed_item_and_the_rest_is_whole(
    gate: Callable, save: Callable, tmp_path: Path, kind: str, check: str, code: str, says: str
) -> None:
    bad = _write(save, tmp_path, kind)
    good = save(graphs.small_cnn(), "good.onnx")
    xml = tmp_path / "junit.xml"
    limit = "10s" if kind == "endless_loop" else "90s"
    run = gate(
        f"--onnx-model={bad}", f"--onnx-model={good}", f"--junitxml={xml}", *QUICK,
        f"--onnx-timeout={limit}", "--onnx-memory=2GB",
    )  # fmt: skip
    assert run.status == 1, run.out
    assert [(r["check"], r["code"]) for r in run.rows if r["verdict"] == "failed"] == [(check, code)]
    row = run.row(check, model="bad.onnx")
    assert says in row["message"], row["message"]
    assert row["message"].startswith(f"onnxaccel[{code}] ")
    assert len(row["message"]) <= 300
    # The others say where to look, and the good model is not touched by it
    assert {r["verdict"] for r in run.rows if r["model"] == "good.onnx"} == {"passed"}
    assert all(r["code"] == code for r in run.rows if r["verdict"] == "not_applicable")
    assert len(list(ElementTree.parse(xml).iter("testcase"))) == 10


@pytest.mark.parametrize("kind", ["cyclic", "wrong_types", "unknown_operator", "future_opset", "future_ir"])
def test_invalid_graphs_fail_with_a_schema_or_graph_code(gate: Callable, save: Callable, kind: str) -> None:
    run = gate(f"--onnx-model={save(getattr(hazards, kind)())}", *QUICK)
    assert run.status == 1, run.out
    assert {code for _, code in run.failed()} <= {"E_GRAPH", "E_SCHEMA"}
    assert run.row("contract")["verdict"] == "failed"


def test_a_fault_fails_the_check_that_was_selected_alone(gate: Callable, save: Callable) -> None:
    """Nothing is referred to a check that does not run: a selection can hide no crash."""
    run = gate(f"--onnx-model={save(hazards.div_crash())}", "--onnx-backend=ort-cpu", "-k", "parity")
    assert (run.status, run.failed()) == (1, [("parity", "E_CRASH")])


def _left_over(marker: str) -> list[str]:
    """Processes whose environment holds *marker*."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker.encode() in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_nothing_is_left_when_the_run_is_killed(save: Callable, tmp_path: Path, signal: str) -> None:
    import signal as signals

    staging = tmp_path / "staging"
    staging.mkdir()
    marker = f"ONNXACCEL_TEST_MARKER={tmp_path.name}-{signal}"
    name, _, value = marker.partition("=")
    process = subprocess.Popen(
        [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--onnx-model={save(hazards.endless_loop())}",
            f"--onnx-env={name}", *QUICK,
        ],
        cwd=tmp_path, env={**os.environ, "TMPDIR": str(staging), name: value},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=heeds_interrupts,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not (len(_left_over(marker)) >= 2 and any(staging.glob("onnxaccel-*/*/*"))):
            assert time.monotonic() < deadline, "the worker never started"
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(getattr(signals, signal))
        process.wait(timeout=60)
        deadline = time.monotonic() + 20
        left: Any = True
        while left and time.monotonic() < deadline:
            left = _left_over(marker) or list(staging.glob("onnxaccel-*"))
            time.sleep(0.1)
        assert not left, left
    finally:
        process.kill()
        process.wait()
