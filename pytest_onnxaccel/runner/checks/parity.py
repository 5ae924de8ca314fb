"""Run the parity check: open both sides, compare them, and look into a failure."""

from __future__ import annotations

from dataclasses import replace

from pytest_onnxaccel.checks.find_inputs import sized
from pytest_onnxaccel.checks.interface import input_problems
from pytest_onnxaccel.checks.parity.check import ParityCase, parity
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelInfo
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.check_run import CheckRun
from pytest_onnxaccel.runner.request import GOLDEN
from pytest_onnxaccel.runner.sessions import noise_variants as noise
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide
from pytest_onnxaccel.runner.sessions.reference_side import ReferenceSide, reference_side


def run(context: CheckRun) -> CheckResult:
    """Return the result of the parity check; where it fails by value, with what was found inside the model."""
    request, model = context.request, context.model_session
    declared = context.info
    if request.reference == GOLDEN:
        from pytest_onnxaccel.runner.golden_replay import replay

        return replay(request, model, context.options, context.ready)
    ready, path = context.ready(), context.file
    candidate = ready.session if path is None else model.session(request.backend, path)
    problems = _unlike(context, declared)
    shown = identifier(request.reference.rpartition("/")[2])
    if problems:
        return context.failed("V_CONTRACT", problems[0], details=tuple(problems[1:]))
    inputs = _with_beyond(context)
    against = reference_side(request, model, path, context.state.model_sessions.other, context.ready)
    case = ParityCase(
        request.model,
        request.backend,
        shown,
        candidate,
        against.session,
        inputs,
        context.tolerance,
        context.output_tolerances,
        request.seeds,
        request.batch,
        known=ready.single_runs.block if path is None else None,
        noisy=noise.noisy(
            context.options,
            request.model,
            request.backend,
            shown,
            against.variants,
            against.alike,
            candidate if against.borrowed else None,
        ),
        decision=request.decision or context.spec.decision,
        telling=replace(context.telling(), inputs=inputs),
    )
    result = sized(noise.elsewhere(parity(case), request.reported), ready.resolved)
    if result.verdict is Verdict.FAILED and context.options.localise:
        return _looked_into(context, result, against, inputs)
    return result


def _looked_into(context: CheckRun, result: CheckResult, against: ReferenceSide, inputs: Inputs) -> CheckResult:
    """Return *result*, with the first node that differs where both sides are graphs."""
    from pytest_onnxaccel.runner.localise.failed_check import FailedCheck
    from pytest_onnxaccel.runner.localise.localise import looked_into

    request = context.request
    failed = FailedCheck(result, request, inputs, context.state.engines, context.options.failures)
    ours = ComparisonSide(request.backend, context.model_session, request.backend, context.file)
    theirs = against.side(inputs.for_sample(failed.sample))
    if theirs is not None:
        return looked_into(failed, (ours, theirs), context.backends)
    if request.source is None:
        return result
    from pytest_onnxaccel.runner.localise.no_graph import not_looked_into

    return not_looked_into(failed, ours, request.source, against.session)


def _with_beyond(context: CheckRun) -> Inputs:
    """Return inputs that run, and what the other file tells of more of them."""
    inputs = context.ready().resolved.inputs
    try:
        other = context.other
        return inputs if other is None else inputs.with_beyond(other.facts.domains)
    except OnnxAccelError:
        return inputs  # what stands against the file is told where it is run


def _unlike(context: CheckRun, declared: ModelInfo) -> list[str]:
    """Return why the model and the other file that it is compared with cannot be fed the same."""
    other = context.other
    if other is None:
        return []
    return input_problems(declared.inputs, other.info.inputs, (context.spec.name, other.spec.name))
