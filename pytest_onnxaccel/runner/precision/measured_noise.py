"""The noise of a model in a backend, measured once: parity and batch tolerate the same of one output."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_onnxaccel.checks.parity.noise_floor import measure
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.runner.precision.sides import precision_of
from pytest_onnxaccel.runner.sessions.model.ready import Ready
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.noise_variants import variants

#: Samples that it is measured on.
_SAMPLES = 3


def remember(model_session: ModelSession, result: CheckResult) -> None:
    """Keep the noise that the parity check of *result* measured, for the batch check of the same backend."""
    noise = result.figures.get("noise")
    if not noise:
        return
    known = model_session.noise.setdefault(result.backend, {})
    for name, drift in noise["drift"].items():
        known[name] = max(known.get(name, 0.0), noise["factor"] * drift)


def noise_of(model_session: ModelSession, backend: str, ready: Ready) -> Mapping[str, float]:
    """Return the absolute tolerance by output that the noise of the model in *backend* asks for.

    It is what parity measured, and where that had no reason to, measured now.
    """
    if backend not in model_session.measured:
        model_session.measured.add(backend)
        known = model_session.noise.setdefault(backend, {})
        feeds = [ready.resolved.inputs.feeds(index) for index in range(_SAMPLES)]
        try:
            computed = precision_of(model_session).narrow
            found = measure(backend, ready.session, variants(model_session, backend), feeds, computed=computed)
        except OnnxAccelError:
            return known
        for name, drift in found.drift.items():
            known[name] = max(known.get(name, 0.0), found.factor(name) * drift)
    return model_session.noise.get(backend, {})
