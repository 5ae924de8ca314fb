"""A model frozen to one batch size, as a file, with its proof."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.batch.check import prover_of
from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import ModelInfo
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.sessions.batch_files import AS_IS, AUTO, RE_EXPORT, Candidate
from pytest_onnxaccel.runner.sessions.batch_sessions import at_batch

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.sessions.model.ready import Ready
    from pytest_onnxaccel.runner.sessions.model_session import ModelSession


@record(frozen=True)
class Frozen:
    """What the proof accepted.

    Attributes:
        path: ``{stem}-batch-{n}.onnx``; of a model that has this batch already, its copy.
        method: how it was obtained, the cheapest one that could be proven.
        inputs: makes feeds of the original; ``feeds(index, batch)`` gives those of this file.
        proof: figures of N distinct samples at once against the original's own runs.
        backend: in which it was proven.
        edited: what was changed in the model, a line each.
        refuted: cheaper methods that gave something else, each with what.
    """

    model: str
    path: str
    batch_size: int
    method: str
    info: ModelInfo
    inputs: Inputs
    proof: Mapping[str, Any]
    backend: str = ""
    edited: tuple[str, ...] = ()
    refuted: tuple[str, ...] = ()


def freeze(model_session: ModelSession, backend: str, ready: Ready, size: int, method: str = AUTO) -> Frozen:
    """Return the model frozen to batch *size*, proven in *backend*.

    Args:
        model_session: the model.
        backend: name of the backend.
        ready: the model running in *backend*, with its inputs.
        size: samples that the file takes.
        method: instead of the cheapest one.

    Raises:
        ModelError: ``V_BATCH``: nothing could be proven; the nodes that hold the batch are named. ``V_UNSTABLE``:
            two equal runs of the model differ.
    """
    spec, inputs = model_session.spec, ready.resolved.inputs
    if inputs.batch is None:
        raise ModelError("the inputs share no batch axis (axis 0)", code="V_BATCH", subject=spec.shown)
    if inputs.batch == size and not inputs.dynamic and method == AUTO:
        own = named_copy(model_session, size)
        return Frozen(spec.name, own, size, AS_IS, model_session.info, inputs, {}, backend)
    made: dict[str, Candidate] = {}

    def ways() -> Iterator[tuple[str, Session | OnnxAccelError]]:
        anew = method in (AUTO, RE_EXPORT) and spec.source is not None
        again = model_session.sourced.re_exports(size, inputs) if anew else ()
        edited = model_session.candidates.files(size, method) if method != RE_EXPORT else ()
        for way, candidate in chain(((RE_EXPORT, one) for one in again), ((AUTO, one) for one in edited)):
            if isinstance(candidate, Candidate):
                made[candidate.method] = candidate
            yield at_batch(model_session, backend, candidate, way)

    prover = prover_of(backend, ready.single_runs, inputs, spec.tolerance, spec.output_tolerances, full=True)
    unstable = prover.unstable()
    if unstable:
        raise ModelError(unstable, code="V_UNSTABLE", subject=spec.shown)
    if inputs.batch > 1 and not inputs.dynamic:
        mixed = prover.own_batch(ready.session)
        if mixed:
            raise _cannot(model_session, f"frozen at batch {inputs.batch}, and its samples depend on each other", mixed)
    try:
        found = prover.first(size, ways())
    except ModelError as error:
        raise error.about(spec.shown) from None
    refuted = tuple(f"{proof.method}: {proof.why()}" for proof in found.refuted)
    if found.proof is None:
        asked = "no way" if method == AUTO else f"no {method!r} way"
        raise _cannot(model_session, f"{asked} to batch {size} could be proven", refuted[0] if refuted else "")
    chosen = made[found.proof.method]
    info = model_session.declared(chosen.path)
    return Frozen(
        spec.name,
        chosen.path,
        size,
        chosen.method,
        info,
        inputs,
        found.proof.figures(),
        backend,
        chosen.edited,
        refuted,
    )


def _cannot(model_session: ModelSession, what: str, why: str) -> ModelError:
    """Return the refusal, nodes before figures: it is one short line, and its end is cut first."""
    held = model_session.candidates.holders(most=1)
    cause = what + (f"; the batch is held by {held}" if held else "") + (f" ({why})" if why else "")
    return ModelError(cause, code="V_BATCH", subject=model_session.spec.shown, remedy="export it again with this batch")


def named_copy(model_session: ModelSession, size: int) -> str:
    """Path of the model's own copy under the name that a file frozen to *size* has, next to its external data."""
    target = os.path.join(model_session.folder, f"{model_session.stem}-batch-{size}.onnx")
    if not os.path.lexists(target):
        try:
            os.link(model_session.path, target)
        except OSError:  # a file system without links
            shutil.copyfile(model_session.path, target)
    return target
