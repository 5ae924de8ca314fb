"""Workers of later models find imported what the usual checks need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fixtures import graphs
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.warm.forking import available
from pytest_onnxaccel.runner.check_table import exclusive
from pytest_onnxaccel.runner.plan import make_plan
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.runner import Runner

ROOT = Path(__file__).parents[4]
BACKENDS = ("ort-cpu", "reference")
ABOUT = "suites.unit.isolation.warm.about:about"


@pytest.mark.skipif(not available(), reason="workers are not forked on this system")
def test_the_worker_of_a_later_model_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind its wall it writes no byte code: in a checkout each of them would compile it again."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    path = tmp_path / "m.onnx"
    path.write_bytes(graphs.small_cnn().SerializeToString())
    specs = [ModelSpec(f"m{number}", str(path), "m.onnx", backends=BACKENDS) for number in range(3)]
    options = RunOptions(limits=Limits(120), readable=(str(ROOT),))
    runner = Runner(specs, {spec.name: BACKENDS for spec in specs}, options)
    imported = []
    try:
        for spec in specs:
            model = runner.model_sessions.of(spec.name)
            before = set(model.graph(ABOUT)["modules"])
            plan = make_plan(spec, BACKENDS, runner.engines.backend, runner.engines.availability)
            results = [runner.check(one) for one in plan.requests() if not exclusive(one.check)]
            assert {one.check for one in results} >= {"structure", "hygiene", "contract", "parity", "batch"}
            assert [one for one in results if one.verdict != "passed"] == []
            imported.append(sorted(set(model.graph(ABOUT)["modules"]) - before))
            runner.model_sessions.done(spec.name)
    finally:
        runner.close()
    assert imported[0]  # what the first one needs is not awaited
    assert imported[1:] == [[], []]
