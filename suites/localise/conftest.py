"""Parity checks that are looked into, in this process or in workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest

from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.runner import Runner

Check = Callable[..., CheckResult]


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Check]:
    """``check(model, reference)``: the parity check of a model (built, or a path) with all that follows from it.

    *reference* is another model, or the name of a backend. Options of the run may follow by name.
    """
    open_: list[Runner] = []
    count = 0

    def stored(model: Any, name: str) -> str:
        if not isinstance(model, onnx.ModelProto):
            return str(model)
        (tmp_path / name).write_bytes(model.SerializeToString())
        return str(tmp_path / name)

    def run(
        model: Any, reference: Any, backend: str = "ort-cpu", backends: tuple[str, ...] = (),
        seeds: tuple[int, ...] = (), batch: int | None = None, **options: Any,
    ) -> CheckResult:  # fmt: skip
        nonlocal count
        count += 1
        path = stored(model, f"candidate-{count}.onnx")
        if not isinstance(reference, str):
            reference = stored(reference, f"reference-{count}.onnx")
        options = {"in_process": True, "limits": Limits(seconds=120), **options}
        names = backends or (backend,)
        open_.append(Runner([ModelSpec("m", path, path)], {"m": names}, RunOptions(**options)))
        return open_[-1].check(Request("m", "parity", backend, reference, seeds=seeds, batch=batch))

    yield run
    for runner in open_:
        runner.close()


def origin(result: CheckResult) -> dict[str, Any]:
    """The origin in the figures of *result*; what was said otherwise is in the message of the failure."""
    found: dict[str, Any] = result.figures["localisation"]
    assert "origin" in found, (result.message, result.details, result.notes)
    told: dict[str, Any] = found["origin"]
    return told


def names(told: dict[str, Any]) -> list[str]:
    """The candidate's nodes of an origin, by name or first output."""
    return [node["name"] or node["outputs"][0] for node in told["nodes"]]
