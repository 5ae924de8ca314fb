"""Advice with timings that the test makes up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_onnxaccel.runner.advice import advise as advising
from pytest_onnxaccel.runner.latency import throughput
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.unit.runner.advice.advise import Advise


@pytest.fixture
def advise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Advise]:
    """Advises on models; what is faster than what, the test says."""
    engines = Engines(RunOptions(in_process=True))
    made = Advise(engines, tmp_path)
    monkeypatch.setattr(advising, "paired_timing", made.paired_timing)
    monkeypatch.setattr(throughput, "paired_timing", made.paired_timing)
    monkeypatch.setattr(advising.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    yield made
    engines.close()
