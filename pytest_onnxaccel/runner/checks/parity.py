"""Run the parity check: open both sides, compare them, and look into a failure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.inputs.guessed_sizes import sized
from pytest_onnxaccel.checks.interface import input_problems
from pytest_onnxaccel.checks.parity.check import Noisy, ParityCase, parity
from pytest_onnxaccel.checks.parity.noise_floor import Variants
from pytest_onnxaccel.checks.precision.casting import Casts
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelInfo
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.check_run import CheckRun
from pytest_onnxaccel.runner.outputs.compared_outputs import chosen
from pytest_onnxaccel.runner.outputs.random_outputs import told_once
from pytest_onnxaccel.runner.precision.measured_noise import remember
from pytest_onnxaccel.runner.precision.sides import casts, types
from pytest_onnxaccel.runner.precision.summand_scales import summand_scales
from pytest_onnxaccel.runner.request import GOLDEN
from pytest_onnxaccel.runner.sessions import noise_variants as noise
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide
from pytest_onnxaccel.runner.sessions.reference_side import ReferenceSide, reference_side

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.localise.failed_check import FailedCheck
    from pytest_onnxaccel.runner.sessions.model_session import ModelSession


def run(context: CheckRun) -> CheckResult:
    """Return the result of the parity check; where it fails by value, with what was found inside the model."""
    request, model = context.request, context.model_session
    declared = context.info
    if request.reference == GOLDEN:
        from pytest_onnxaccel.runner.golden_replay import replay

        stored = replay(request, model, context.options, context.ready)
        return told_once(context, stored, (context.ready().session,))
    ready, path = context.ready(), context.file
    candidate: Session = ready.session if path is None else model.session(request.backend, path)
    changed = casts(declared, model, context.other)
    problems = _unlike(context, declared, changed)
    shown = identifier(request.reference.rpartition("/")[2])
    if problems:
        return context.failed("V_CONTRACT", problems[0], details=tuple(problems[1:]))
    inputs = _with_beyond(context)
    against = reference_side(request, model, path, context.state.model_sessions.other, context.ready)
    compared = chosen(context, against, inputs)
    own, variants = candidate, noise.variants(model, request.backend, path)
    if changed:
        candidate, against = _cast(candidate, against, changed)
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
        known=ready.single_runs.block if path is None and not changed else None,
        noisy=_beside(
            context,
            own,
            variants,
            changed,
            noise.noisy(
                context.options,
                request.model,
                request.backend,
                shown,
                against.variants,
                against.alike,
                candidate if against.borrowed else None,
            ),
        ),
        decision=request.decision or context.spec.decision,
        telling=replace(context.telling(own=bool(changed)), inputs=inputs),
        comparers=compared.comparers,
        types=types(request, model, path, context.other, own, variants, changed),
    )
    with compared:
        result = parity(case)
    result = told_once(context, result, (candidate, against.session))
    result = sized(noise.elsewhere(result, request.reported), ready.resolved)
    if path is None:
        remember(model, result)
    if "conversion" in result.figures and not result.code.startswith("V_CONTRACT"):
        return _constants(context, result, case, against, changed)
    if result.verdict is Verdict.PASSED and _ordered_alone(case, context.other, declared):
        result = _proven(context, result, against, inputs, changed)
    if result.code == "V_QUANTISED" and context.options.localise:
        result = _weighed(context, result, against, inputs, changed)
    if result.verdict is Verdict.FAILED and context.options.localise:
        return _looked_into(context, result, against, inputs, changed)
    return result


def _beside(context: CheckRun, own: Session, variants: Variants, changed: Casts, found: Noisy) -> Noisy:
    """Return *found* with the model's own noise next to another framework's, and how large its summands are.

    An accelerator has ways to round that no variant of a reference on the CPU shows.
    """
    source, other = context.request.source, context.other
    accelerated = context.model_session.variants(context.backend) is not None
    if (source is not None or (accelerated and not found.alike)) and found.base is None:
        found = replace(found, beside=(context.backend, own, variants))
    if changed:
        return found
    where, path = (context.model_session, context.file) if other is None else (other, None)
    return replace(found, summands=summand_scales(where, context.backend, path))


def _constants(
    context: CheckRun, result: CheckResult, case: ParityCase, against: ReferenceSide, changed: Casts
) -> CheckResult:
    """Return *result* of a conversion to a narrower type, after a look at its constants."""
    from pytest_onnxaccel.runner.precision.exchanged import exchanged_in_float32
    from pytest_onnxaccel.runner.precision.kept_constants import kept

    inputs, tolerance = case.inputs, case.tolerance

    def look(failed: CheckResult) -> CheckResult:
        if not context.options.localise:
            return failed
        return _looked_into(context, failed, against, inputs, changed)

    theirs = against.side(inputs.for_sample(0))
    if theirs is None:
        return look(result) if result.verdict is Verdict.FAILED else result
    given = bool(case.outputs or case.noisy.locked) or (tolerance.rtol, tolerance.atol) != (None, None)
    ours = _ours(context, changed)

    def in_float32() -> tuple[str, str]:
        return exchanged_in_float32(ours, theirs, case, result)

    return kept(result, ours, theirs, look, given, in_float32)


def _failed(context: CheckRun, result: CheckResult, inputs: Inputs) -> FailedCheck:
    from pytest_onnxaccel.runner.localise.failed_check import FailedCheck

    return FailedCheck(result, context.request, inputs, context.state.engines, context.options.failures)


def _weighed(
    context: CheckRun, result: CheckResult, against: ReferenceSide, inputs: Inputs, changed: Casts
) -> CheckResult:
    """Return *result* of a quantised model without a limit, with what its nodes lose and what is proven wrong."""
    from pytest_onnxaccel.runner.localise.quantised.faults import weighed

    failed = _failed(context, result, inputs)
    theirs = against.side(inputs.for_sample(failed.sample))
    return result if theirs is None else weighed(failed, (_ours(context, changed), theirs))


def _ordered_alone(case: ParityCase, other: ModelSession | None, declared: ModelInfo) -> bool:
    """Return whether a quantised model was compared with its float original by indices and sorted rows alone."""
    if other is None or case.decision is not None or case.outputs or case.noisy.locked:
        return False
    if (case.tolerance.rtol, case.tolerance.atol) != (None, None) or not case.comparers:
        return False
    if any(comparer.given for comparer in case.comparers.values()):
        return False
    from pytest_onnxaccel.runner.localise.quantised.faults import quantises

    return quantises(declared) and not quantises(other.info)


def _proven(
    context: CheckRun, result: CheckResult, against: ReferenceSide, inputs: Inputs, changed: Casts
) -> CheckResult:
    from pytest_onnxaccel.runner.localise.quantised.faults import proven

    theirs = against.side(inputs.for_sample(0))
    return result if theirs is None else proven(_failed(context, result, inputs), (_ours(context, changed), theirs))


def _ours(context: CheckRun, changed: Casts) -> ComparisonSide:
    wrap = changed.candidate if changed else None
    return ComparisonSide(context.backend, context.model_session, context.backend, context.file, wrap=wrap)


def _cast(candidate: Session, against: ReferenceSide, changed: Casts) -> tuple[Session, ReferenceSide]:
    """Return both sides, fed and answering in the same types."""
    side = against.side

    def found(inputs: Inputs) -> ComparisonSide | None:
        plain = side(inputs)
        return None if plain is None else replace(plain, wrap=changed.reference)

    return changed.candidate(candidate), replace(
        against,
        session=changed.reference(against.session),
        variants=changed.variants(against.variants),
        side=found,
    )


def _looked_into(
    context: CheckRun, result: CheckResult, against: ReferenceSide, inputs: Inputs, changed: Casts
) -> CheckResult:
    """Return *result*, with the first node that differs where both sides are graphs.

    Raises:
        ModelError: ``E_SCHEMA``: what differs is not the model but its copy at the opset that a backend needs.
    """
    from pytest_onnxaccel.runner.localise.localise import looked_into

    request, failed = context.request, _failed(context, result, inputs)
    ours = _ours(context, changed)
    theirs = against.side(inputs.for_sample(failed.sample))
    if theirs is not None:
        from pytest_onnxaccel.runner.localise.upgrade_proof import prove_upgrades

        prove_upgrades(failed, (ours, theirs))
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
        if other is None:
            return inputs
        facts = other.facts
        return inputs.with_beyond(facts.domains, facts.limited, facts.quantised)
    except OnnxAccelError:
        return inputs  # what stands against the file is told where it is run


def _unlike(context: CheckRun, declared: ModelInfo, changed: Casts) -> list[str]:
    """Return why the model and the other file that it is compared with cannot be fed the same."""
    other = context.other
    if other is None:
        return []
    theirs = [
        replace(spec, dtype=changed.inputs[spec.name][0]) if spec.name in changed.inputs else spec
        for spec in other.info.inputs
    ]
    return input_problems(declared.inputs, theirs, (context.spec.name, other.spec.name))
