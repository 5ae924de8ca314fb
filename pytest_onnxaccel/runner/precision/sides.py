"""What a parity check is told of types: of both graphs, of casts at their borders, and the reference rounded."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress

from pytest_onnxaccel.backends.protocol import LoadOptions, Session
from pytest_onnxaccel.checks.parity.noise_floor import Variants
from pytest_onnxaccel.checks.precision.casting import Casts, casts_between
from pytest_onnxaccel.checks.precision.types import Types
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.precision import Precision
from pytest_onnxaccel.core.specs import ModelInfo
from pytest_onnxaccel.runner.request import Request
from pytest_onnxaccel.runner.sessions.model_session import ModelSession

_FACTS = "pytest_onnxaccel.graph.precision.facts:precision"
_ROUNDED = "pytest_onnxaccel.graph.precision.rounding:rounded_to"
_DRAWS = 3
_NUMBERS = itertools.count()


def precision_of(model_session: ModelSession, path: str | None = None) -> Precision:
    """Return what the model's file, or the one at *path* derived from it, computes in.

    Raises:
        OnnxAccelError: it cannot be read.
    """
    return Precision.from_json(model_session.graph(_FACTS, path=path or model_session.path))


def rounded(model_session: ModelSession, backend: str, dtype: str, path: str | None = None) -> Variants:
    """Return the model in *backend*, with its values and weights rounded to *dtype*."""
    source = path or model_session.path

    def opened() -> Iterator[tuple[str, Session | OnnxAccelError]]:
        for seed in range(_DRAWS):
            target = os.path.join(model_session.folder, f"rounded-{next(_NUMBERS)}.onnx")
            name = f"values rounded to {dtype} ({seed + 1})"
            try:
                model_session.graph(_ROUNDED, source=source, target=target, dtype=dtype, seed=seed)
                # As it is: a runtime that optimizes may take two casts for none
                yield name, model_session.fresh(backend, target, LoadOptions(optimize=False, spin=False), like=source)
            except OnnxAccelError as error:
                yield name, error
            finally:
                with suppress(OSError):
                    os.unlink(target)

    return opened


def casts(declared: ModelInfo, model_session: ModelSession, other: ModelSession | None) -> Casts:
    """Return what must be cast to compare the model with *other*, of which it is a conversion to another float type.

    Nothing where neither graph computes in the narrow type: then a border that has it is a mistake, not a conversion.
    """
    if other is None:
        return Casts()
    found = casts_between(declared, other.info)
    for side, session in ((0, model_session), (1, other)):
        kinds = found.narrow(side)
        if kinds and not kinds <= set(precision_of(session).nodes):
            return Casts()
    return found


def types(
    request: Request,
    model_session: ModelSession,
    path: str | None,
    other: ModelSession | None,
    own: Session,
    variants: Variants,
    found: Casts,
) -> Types:
    """Return what the check of *request* knows of types.

    Args:
        request: the parity check.
        model_session: the model under test.
        path: of the model's file at the requested batch; None for its own.
        other: the other file that it is compared with.
        own: the candidate.
        variants: opens variants of the candidate.
        found: what is cast between the two.
    """

    def ask() -> tuple[Precision, Precision]:
        ours = precision_of(model_session, path)
        if other is not None:
            return ours, precision_of(other)
        source = request.source
        # A quantised .tflite is converted to a quantised graph; other sources compute in float32
        plain = source is not None and not source.path.lower().endswith(".tflite")
        return ours, Precision() if plain else ours

    notes = (found.note(),) if found else ()
    if other is None:
        return Types(ask, None, (own, variants), notes)

    def of_reference(dtype: str) -> Variants:
        return found.variants(rounded(other, request.backend, dtype))

    return Types(ask, of_reference, None, notes)
