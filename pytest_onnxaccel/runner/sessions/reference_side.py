"""What a model is compared with: a backend, its own without optimizations, another file, its source, a function."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pytest_onnxaccel.backends.protocol import LoadOptions, Session
from pytest_onnxaccel.checks.parity.noise_floor import Variants
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import SourceSpec
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.request import UNOPTIMIZED, Request
from pytest_onnxaccel.runner.sessions import noise_variants as noise
from pytest_onnxaccel.runner.sessions.batch_files import Candidate
from pytest_onnxaccel.runner.sessions.comparison_sides import EXPORTED_AGAIN, ComparisonSide
from pytest_onnxaccel.runner.sessions.model.ready import Ready
from pytest_onnxaccel.runner.sessions.model_session import ModelSession


@record(frozen=True)
class ReferenceSide:
    """The reference of one parity check.

    Attributes:
        variants: opens the same model, legally computed otherwise.
        side: the reference as a graph that can be looked into; None where there is none.
        alike: it is another file, in the engine that the model itself runs in.
        borrowed: it has no variants of its own: *variants* are those of the candidate.
    """

    session: Session
    variants: Variants
    side: Callable[[Inputs], ComparisonSide | None]
    alike: bool = False
    borrowed: bool = False


def reference_side(
    request: Request,
    model_session: ModelSession,
    path: str | None,
    other: Callable[[str], ModelSession],
    ready: Callable[[str], Ready],
) -> ReferenceSide:
    """Return what *request* compares the model with.

    Args:
        request: the comparison.
        model_session: the model.
        path: of the model's file at the requested batch; None for its own.
        other: the model at a path.
        ready: the model running in a backend.

    Raises:
        OnnxAccelError: it cannot be loaded.
    """
    if request.reference == UNOPTIMIZED:
        plain = LoadOptions(optimize=False, spin=False)
        side = ComparisonSide(f"{request.backend} unoptimized", model_session, request.backend, path, plain)
        return ReferenceSide(
            side.session(), noise.variants(model_session, request.backend, path, alone=True), lambda _: side
        )
    if request.source is not None and request.source.function:
        variants = noise.variants(model_session, request.backend, path)
        return ReferenceSide(
            model_session.sourced.session(request.source, path), variants, lambda _: None, borrowed=True
        )
    if request.source is not None:
        found = partial(_exported, request, request.source, model_session, other, path)
        variants = partial(model_session.sourced.variants, request.source, path)
        return ReferenceSide(model_session.sourced.session(request.source, path), variants, found)
    if request.reference.endswith(".onnx"):
        model = other(request.reference)
        named = ComparisonSide(model.spec.name, model, request.backend)
        return ReferenceSide(named.session(), noise.variants(model, request.backend), lambda _: named, alike=True)
    known = ready(request.reference)
    session = known.session if path is None else model_session.session(request.reference, path)
    same = ComparisonSide(request.reference, model_session, request.reference, path)
    return ReferenceSide(session, noise.variants(model_session, request.reference, path), lambda _: same)


def _exported(
    request: Request,
    source: SourceSpec,
    model_session: ModelSession,
    other: Callable[[str], ModelSession],
    path: str | None,
    inputs: Inputs,
) -> ComparisonSide | None:
    """Export the source again: its framework shows no graph, and a right export has the same values inside.

    Open sizes stay open where the model has some: at one size, an exporter folds what computes with it. Where that
    is not available, it is exported at the sizes of *inputs*.
    """
    made: Candidate | OnnxAccelError | None = None
    if path is None and any(not isinstance(dim, int) for spec in model_session.info.inputs for dim in spec.shape or ()):
        made = model_session.sourced.exported_open(source)
    if not isinstance(made, Candidate):
        made = model_session.sourced.exported(source, request.batch or inputs.batch or 1, inputs)
    if isinstance(made, OnnxAccelError):
        return None
    return ComparisonSide(EXPORTED_AGAIN, other(made.path), request.backend)
