"""A model against its golden data: the stored outputs are the reference, and nothing else needs to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.parity.check import Noisy, ParityCase, parity, sample
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.golden.session import GoldenSession
from pytest_onnxaccel.golden.sets import GoldenSet
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.model_inputs import model_inputs
from pytest_onnxaccel.runner.golden_data import Golden
from pytest_onnxaccel.runner.outputs.compared_outputs import made
from pytest_onnxaccel.runner.request import GOLDEN, Request, RunOptions
from pytest_onnxaccel.runner.sessions import noise_variants as noise
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide
from pytest_onnxaccel.runner.sessions.model.ready import Ready
from pytest_onnxaccel.runner.sessions.model_session import ModelSession


def replay(
    request: Request, model_session: ModelSession, options: RunOptions, ready: Callable[[str], Ready]
) -> CheckResult:
    """Check that the model gives the outputs of its golden data in the requested backend.

    Args:
        request: the comparison, with its backend and batch.
        model_session: the model.
        options: settings of the run.
        ready: the model running in a backend.

    Raises:
        OnnxAccelError: the golden data, or the model, is not available.
    """
    golden = model_session.golden
    if not golden.spec.path:
        raise ModelError(
            f"there is no golden data: none is named, and no test_data_set_* is next to {model_session.spec.shown}",
            code="E_GOLDEN",
            remedy="name it: --onnx-golden=PATH, or golden in onnxaccel.toml",
        )
    if not golden.fits:
        return _of_another(request, golden)
    if golden.error is not None:
        raise golden.error
    own_batch = ready(request.backend).resolved.inputs.batch
    if request.batch not in (None, own_batch):
        cause = f"golden data is stored at batch {own_batch} and says nothing of batch {request.batch}"
        raise ModelError(cause, code="V_GOLDEN", remedy="compare it at its own batch")
    unfed = next(((one.name, one.unfed) for one in golden.sets if one.unfed), None)
    if unfed is not None:
        raise ModelError(
            f"golden data of {unfed[0]} has no tensor for input {unfed[1]!r}: only tensors are fed", code="E_INPUT"
        )
    session: Session = ready(request.backend).session
    stored: Session = GoldenSession(golden.sets, model_session.info, [golden.note()])
    own = {} if request.tolerance else model_session.spec.output_tolerances
    given = request.tolerance or model_session.spec.tolerance
    inputs = _inputs_of(golden.sets, model_session)
    ours = ComparisonSide(request.backend, model_session, request.backend)
    compared = made(
        model_session,
        request,
        model_session.output_facts,
        (ours, None),
        lambda number: sample(inputs, (), None, number),
        options.import_paths,
    )
    case = ParityCase(
        request.model,
        request.backend,
        GOLDEN,
        session,
        stored,
        inputs,
        given,
        {**_stored_tolerances(golden, given), **own},
        noisy=_noisy(options, request, model_session, session),
        decision=request.decision or model_session.spec.decision,
        comparers=compared.comparers,
    )
    with compared:
        result = parity(case)
    return golden.judged(result, model_session.source_hash(golden.recorded_of))


def _inputs_of(sets: tuple[GoldenSet, ...], model_session: ModelSession) -> Inputs:
    """Return the inputs of all sets, and no others; they may differ in their shapes."""
    inputs = model_inputs(model_session.info, (), 0, {}, None, [one.inputs for one in sets])
    return replace(inputs, repeated=True)


def _noisy(options: RunOptions, request: Request, model_session: ModelSession, session: Session) -> Noisy:
    """Return the variants of the model in the judged backend: stored data has none of its own."""
    found = noise.noisy(options, request.model, request.backend, GOLDEN, noise.variants(model_session, request.backend))
    return replace(found, base=session, stored=True, least=model_session.golden.tolerances(given=False))


def _stored_tolerances(golden: Golden, given: Tolerance) -> dict[str, Tolerance]:
    """Return the tolerances stored with the data, where the user gave none."""
    return golden.tolerances(given=True) if given.rtol is None and given.atol is None else {}


def _of_another(request: Request, golden: Golden) -> CheckResult:
    message = (
        f"the golden data next to it belongs to another model in {golden.spec.shown or 'this folder'}: {golden.error}; "
        "name it with golden in onnxaccel.toml if it is of this one"
    )
    return CheckResult(request.model, "parity", Verdict.NOT_APPLICABLE, "V_GOLDEN", message, request.backend, GOLDEN)
