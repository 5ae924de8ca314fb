"""Is another batch size worth it: samples per second at a proven batch, against the model as it is."""

from __future__ import annotations

from functools import partial

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.advice.speedup import Finding, Outcome
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.runner.latency.paired_timing import paired_timing
from pytest_onnxaccel.runner.latency.timing_sessions import TimedModel
from pytest_onnxaccel.runner.sessions.frozen_batch import freeze

#: Sizes to try where the user named none, as multiples of the model's own.
MULTIPLES = (2, 4, 8)
_TITLE = "throughput at another batch size"


def batch_finding(model: TimedModel, options: LoadOptions) -> Finding:
    """Return the batch size that certainly gives most samples per second; each size is proven before it is timed."""
    model_session, backend, inputs = model.model_session, model.backend, model.ready.resolved.inputs
    if inputs.batch is None:
        why = "the inputs share no batch axis (axis 0)"
        return Finding("batch", _TITLE, Outcome.NOT_APPLICABLE, why=why)
    own = inputs.batch
    sizes = [s for s in model_session.spec.batch.sizes or [own * m for m in MULTIPLES] if s != own]
    shipped = partial(model_session.fresh, backend, None, options)
    best: Finding | None = None
    why = "no other size was named" if not sizes else ""
    for size in sizes:
        try:
            path = freeze(model_session, backend, model.ready, size).path
            opens = partial(model_session.fresh, backend, path, options)
            found = paired_timing((shipped, inputs.feeds(0)), (opens, inputs.feeds(0, size)))
        except OnnxAccelError as error:
            why = why or error.cause
            continue
        each = found.times(size / own)
        if best is None or best.gain is None or each.low > best.gain.low:
            best = Finding("batch", f"throughput at batch {size}", each.outcome, each)
    return best or Finding("batch", _TITLE, Outcome.REFUSED if sizes else Outcome.NOT_APPLICABLE, why=why)
