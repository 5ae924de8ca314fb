"""Run the contract check: the model runs in a backend, and gives what it declares."""

from __future__ import annotations

from pytest_onnxaccel.checks.contract import contract
from pytest_onnxaccel.checks.inputs.guessed_sizes import sized
from pytest_onnxaccel.checks.reach.sensitivity import with_reach
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.runner.check_run import CheckRun
from pytest_onnxaccel.runner.outputs.random_outputs import told_elsewhere


def run(context: CheckRun) -> CheckResult:
    """Return the result of the contract check, with what the inputs reach."""
    info, model = context.info, context.model_session
    ready = model.ready(context.backend)
    may = model.may("allow_random")
    judged = contract(context.model, context.backend, info, ready.session, ready.resolved, may)
    result = told_elsewhere(context, sized(judged, ready.resolved))
    result = model.golden.told_in(result)
    # It has just compared two equal runs, so that the proof of a batch need not
    ready.single_runs.stable = ready.single_runs.stable or (result.verdict is Verdict.PASSED and not may)
    if result.code == "V_UNSTABLE" and context.options.localise:
        from pytest_onnxaccel.runner.localise.known_cause import drawn
        from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide

        return drawn(result, ComparisonSide(context.backend, model, context.backend, context.file))
    if result.verdict is not Verdict.PASSED:
        return result
    return with_reach(result, context.telling().ask())
