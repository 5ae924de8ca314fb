"""What docs/workers.md shows of `-v` is what a run prints."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures import graphs
from pytest_onnxaccel.isolation.warm.forking import available
from pytest_onnxaccel.runner.sessions.workers.worker_counts import WorkerCounts

PAGE = Path(__file__).parents[3] / "docs" / "workers.md"


def shown() -> str:
    (line,) = re.findall(r"^workers: .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return str(line)


def test_the_line_of_the_page() -> None:
    counts = WorkerCounts()
    for _ in range(40):
        counts.begun("ort-cpu", forked=True, again=False)
    counts.begun("torch", forked=False, again=False)
    counts.restarted("torch", "trust")
    assert list(counts.lines()) == [shown()]


@pytest.mark.skipif(not available(), reason="workers are not forked on this system")
def test_a_run_prints_such_a_line(gate: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(graphs.small_cnn().SerializeToString())
    run = gate("--onnx-model=net.onnx", "--onnx-backend=ort-cpu", "-k", "structure", "-v")
    assert run.status == 0, run.out
    assert "\nworkers: 1 forked, 0 started\n" in run.out
    assert shown().startswith("workers: 40 forked, ")
