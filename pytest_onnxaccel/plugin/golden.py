"""``--onnx-golden=write``: golden data of the models that this run did not fail."""

from __future__ import annotations

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.plugin.state import State
from pytest_onnxaccel.runner.check_table import on_backends
from pytest_onnxaccel.runner.golden_record import own_folder, record_golden


def write_golden(state: State) -> None:
    """Record every model that was judged and did not fail in ``MODEL.golden`` next to it; the others are reported.

    The workers of the run are gone by now, and under pytest-xdist each had a part of the checks: a model is run once
    more. What is there is replaced.

    Raises:
        OnnxAccelError: a model cannot be recorded; those before it are.
    """
    for spec in state.settings.models:
        why = _unfit([result for result in state.results if result.model == spec.name])
        if why:
            state.recorded.append(f"golden data of {spec.name} was not recorded: {why}")
            continue
        try:
            made = record_golden(spec, own_folder(spec.path), options=state.run_options)
        except OnnxAccelError as error:
            raise error.about(spec.shown) from None
        state.recorded += [f"golden: {line}" for line in made.lines()[:1]]


def _unfit(results: list[CheckResult]) -> str:
    """Return why a model with *results* is not recorded; empty where it is."""
    failed = [result for result in results if result.verdict is Verdict.FAILED]
    if failed:
        return f"{failed[0].check} failed"
    judged = any(r.check in on_backends() and r.verdict is Verdict.PASSED for r in results)
    return "" if judged else "no check judged it"
