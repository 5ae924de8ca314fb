"""What a latency check does in addition to timing calls in a row, where it is asked to: a scenario, and advice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import LatencyBudget
from pytest_onnxaccel.core.unexpected import as_error
from pytest_onnxaccel.runner.latency.timing_sessions import TimedModel
from pytest_onnxaccel.runner.request import RunOptions

_RANKS = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)


def has_scenario(budget: LatencyBudget) -> bool:
    """Return whether its percentiles are those of a scenario, not of calls in a row."""
    return budget.scenario is not None and budget.scenario.kind != "single-stream"


def in_a_row(budget: LatencyBudget) -> LatencyBudget:
    """Return what is left of *budget* for calls in a row."""
    return replace(budget, p50_ns=None, p95_ns=None, p99_ns=None) if has_scenario(budget) else budget


def advises(budget: LatencyBudget, options: RunOptions) -> bool:
    """Return whether the budget asks for advice, or the run does and the budget does not object."""
    return options.advise is not None if budget.advise is None else budget.advise


def with_scenario(result: CheckResult, model: TimedModel, budget: LatencyBudget, seed: int) -> CheckResult:
    """Return *result* of calls in a row, with the scenario judged: the worse verdict counts."""
    from pytest_onnxaccel.checks.latency.check import described
    from pytest_onnxaccel.checks.latency.load_scenarios import Served, confirmed
    from pytest_onnxaccel.runner.latency.load_scenarios import serve

    def attempt(fresh: bool) -> Served:
        with model.bench(fresh) as bench:
            return serve(bench, model, budget, seed)

    served = attempt(False)
    if served.verdict is Verdict.FAILED:
        served = confirmed(served, attempt(True))
    figures = {**result.figures, "scenario": {**served.figures, "line": served.line}}
    if budget:
        figures["budget"] = described(budget)
    verdict = min((result.verdict, served.verdict), key=_RANKS.index)
    if result.verdict is verdict and verdict is not served.verdict:
        return result.with_(figures=figures, details=(*result.details, served.message))
    rest = (result.message,) if in_a_row(budget) else ()
    return result.with_(
        verdict=verdict,
        code="OK" if verdict is Verdict.PASSED else "V_LATENCY",
        message=served.message,
        figures=figures,
        details=(*rest, *result.details),
    )


def with_advice(
    result: CheckResult,
    model: TimedModel,
    budget: LatencyBudget,
    options: RunOptions,
    known: dict[tuple[object, ...], dict[str, Any]],
) -> CheckResult:
    """Return *result* with what would make the model faster in its figures; the verdict stays.

    Args:
        result: of the latency check.
        model: the model with its sessions, inputs and place.
        budget: that of the check; its threads are kept.
        options: settings of the run.
        known: advice that was found in this run: a check that is run once more does not look for it again.
    """
    from pytest_onnxaccel.runner.advice.advise import Advising

    key = (model.model_session.spec.name, model.backend, model.batch, budget.threads)
    if key not in known:
        try:
            known[key] = Advising(model, budget.threads).advise(options.advise or "").to_json()
        except Exception as error:  # of ours or not: what would be faster does not decide what is fast enough
            told = as_error(error)
            return result.with_(notes=(*result.notes, f"no advice: {told}"), traceback=told.traceback)
    return result.with_(figures={**result.figures, "advice": known[key]})
