"""Run the latency check: calls in a row, then the scenario and the advice that the budget asks for."""

from __future__ import annotations

from dataclasses import replace

from pytest_onnxaccel.checks.inputs.guessed_sizes import on_guessed_sizes, sized
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import LatencyBudget
from pytest_onnxaccel.runner.advice.latency_advice import advises, has_scenario, in_a_row, with_advice, with_scenario
from pytest_onnxaccel.runner.check_run import CheckRun
from pytest_onnxaccel.runner.latency import check as latency
from pytest_onnxaccel.runner.latency.timing_sessions import TimedModel


def run(context: CheckRun) -> CheckResult:
    """Return the result of the latency check."""
    request, ready, path = context.request, context.ready(), context.file
    budget, baseline, notes = _baseline(context, _budget(context))
    course = latency.Course(
        request.model,
        request.backend,
        path,
        ready.resolved.inputs,
        request.batch,
        in_a_row(budget),
        baseline,
        notes,
        context.options.required,
        context.options.seed,
    )
    model = TimedModel(context.model_session, context.state.engines, request.backend, ready, path, request.batch)
    result = latency.check(course, model.bench)
    if has_scenario(budget):
        result = with_scenario(result, model, budget, context.options.seed)
    if advises(budget, context.options):
        result = with_advice(result, model, budget, context.options, context.state.advice)
    return on_guessed_sizes(sized(result, ready.resolved), ready.resolved, bool(budget))


def _budget(context: CheckRun) -> LatencyBudget:
    request = context.request
    budget = request.budget if request.budget is not None else context.spec.budget
    if budget.speedup_over is not None and budget.speedup_over[0] == request.backend:
        return replace(budget, speedup_over=None)  # asked of the others
    return budget


def _baseline(context: CheckRun, budget: LatencyBudget) -> tuple[LatencyBudget, tuple[str, str], tuple[str, ...]]:
    """Return the budget, name and file of what it must not be slower than, and a note where there is none."""
    if budget.regression is None:
        return budget, ("", ""), ()
    batch = context.request.batch if context.file else None
    try:
        found = latency.baseline(
            context.model_session, budget.regression[1], context.state.model_sessions.other, context.backend, batch
        )
    except latency.NoBaseline as error:
        left = replace(budget, regression=None)
        if not left:
            raise
        return left, ("", ""), (f"nothing to be slower than: {error}",)
    return budget, found, ()
