"""What a result says of the sizes that ran, and what it may not say where they were guessed."""

from __future__ import annotations

from pytest_onnxaccel.checks.inputs.resolved import ResolvedInputs
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.numerics.sampling.told import sizes_text


def sized(result: CheckResult, resolved: ResolvedInputs) -> CheckResult:
    """Return *result* with the sizes that ran, where the model's declarations leave some open."""
    text = sizes_text(resolved.inputs)
    if not text:
        return result
    figures = {**result.figures, "input_sizes": text, "guessed_sizes": dict(resolved.guessed)}
    return result.with_(figures=figures)


def on_guessed_sizes(result: CheckResult, resolved: ResolvedInputs, budget: bool) -> CheckResult:
    """Return *result*, inconclusive where the sizes were guessed: they decide nothing about a budget."""
    if not budget or not resolved.guessed or result.verdict not in (Verdict.PASSED, Verdict.FAILED):
        return result
    named = ", ".join(f"{key}={size}" for key, size in resolved.guessed.items())
    message = (
        f"a budget cannot be judged at sizes that were guessed ({named}): "
        "give shape of the input, or [models.NAME.dims], in onnxaccel.toml"
    )
    return result.with_(
        verdict=Verdict.INCONCLUSIVE,
        code="V_LATENCY",
        message=message,
        details=(result.message, *result.details),
        figures={**result.figures, "settled": True},
    )
