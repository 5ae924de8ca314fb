"""How fast is a session, and is that inside its budget: bounds of percentiles, never two numbers side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.numerics.inputs import Inputs
from pytest_onnxaccel.numerics.stats import bounds, least_samples, mean, percentile
from pytest_onnxaccel.results import CheckResult, Verdict
from pytest_onnxaccel.spec import LatencyBudget, Timing, TimingPlan

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

_MS = 1e6
#: Percentiles that a budget may limit, by the name of their field.
_LIMITS = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def plan_for(budget: LatencyBudget) -> TimingPlan:
    """Enough samples to bound every percentile that the budget limits."""
    need = [least_samples(share) for key, share in _LIMITS.items() if getattr(budget, f"{key}_ns") is not None]
    samples = max(100, *(n + n // 4 for n in need), 0) if need else 100
    # A budget is worth waiting for: without the samples its percentile cannot be bounded at all
    return TimingPlan(samples=samples, seconds=20.0 if need else 5.0)


def measure(session: Session, inputs: Inputs, plan: TimingPlan, batch: int | None) -> tuple[Timing, dict[str, Any]]:
    """Time *session* and give the samples with their figures (milliseconds, MB, samples per second)."""
    feeds: Mapping[str, Array] = inputs.feeds(0, batch)
    timing = session.time(feeds, plan)
    return timing, figures(timing, session, batch or inputs.batch or 1)


def figures(timing: Timing, session: Session, batch: int) -> dict[str, Any]:
    """Documented figures of *timing*."""
    wall, cpu = sorted(timing.wall_ns), sorted(timing.cpu_ns)
    facts = session.info.facts
    average = mean(wall)
    peak, before = getattr(session, "peak_memory_mb", None), facts.get("memory_before_mb")
    return {
        "samples": len(wall),
        "warmup": timing.warmup,
        "first_call_ms": timing.first_call_ns / _MS,
        "load_ms": facts.get("load_ms"),
        **{f"p{round(q * 100)}_ms": percentile(wall, q) / _MS for q in (0.5, 0.9, 0.95, 0.99)},
        "max_ms": wall[-1] / _MS,
        "mean_ms": average / _MS,
        "throughput_per_s": batch * 1e9 / average,
        "cpu_p50_ms": percentile(cpu, 0.5) / _MS,
        "cpu_wall_ratio": sum(cpu) / max(1, sum(wall)),
        # What loading and running added to the idle worker, not the size of Python and its libraries
        "peak_memory_mb": None if peak is None or before is None else max(0.0, peak - before),
        **{key: facts.get(key) for key in ("threads", "spinning", "provider", "affinity")},
        "versions": {k: v for k, v in facts.items() if k in ("onnxruntime", "onnx", "onnx-tf", "tensorflow")},
    }


def latency(
    model: str,
    backend: str,
    session: Session,
    inputs: Inputs,
    budget: LatencyBudget,
    baseline: tuple[str, Timing] | None = None,
    batch: int | None = None,
) -> CheckResult:
    """The model answers inside its budget.

    A percentile limit passes when the upper confidence bound of the wall time is inside it, and fails when the lower
    bound of the CPU time is past it too (time that the model itself used, not its neighbours); anything between is
    inconclusive. Without a budget the check measures and judges nothing.

    Args:
        baseline: the backend that ``speedup_over`` names, with its timing in the same run.
    """
    timing, found = measure(session, inputs, plan_for(budget), batch)
    result = CheckResult(
        model, "latency", Verdict.PASSED, backend=backend, batch=batch or inputs.batch, figures=found,
        notes=session.info.notes,
    )  # fmt: skip
    speed = f"p50 {found['p50_ms']:.3g} ms, p95 {found['p95_ms']:.3g} ms, {found['throughput_per_s']:.4g}/s"
    if not budget:
        return result.with_(message=f"measured, no budget declared: {speed}")
    limits = {key: getattr(budget, f"{key}_ns") for key in _LIMITS}
    judged = [_percentile(key, limit, timing) for key, limit in limits.items() if limit is not None]
    if budget.speedup_over is not None:
        verdict, ratio = _speedup(timing, baseline, budget.speedup_over)
        judged.append(verdict)
        found = {**found, "speedup": ratio, "speedup_over": budget.speedup_over[0]}
    found = {**found, "budget": described(budget)}
    ranks = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)
    worst = min((v for v, _ in judged), key=ranks.index)
    lines = [text for v, text in judged if v is worst]
    result = result.with_(verdict=worst, figures=found, code="OK" if worst is Verdict.PASSED else "V_LATENCY")
    if worst is Verdict.PASSED:
        return result.with_(message=f"inside its budget ({'; '.join(lines)}): {speed}")
    return result.with_(message="; ".join(lines), details=(f"measured: {speed}", f"budget from {budget.origin}"))


def described(budget: LatencyBudget) -> dict[str, Any]:
    """*budget* in the units of reports."""
    found: dict[str, Any] = {
        f"{key}_ms": getattr(budget, f"{key}_ns") / _MS for key in _LIMITS if getattr(budget, f"{key}_ns") is not None
    }
    if budget.speedup_over is not None:
        found["speedup_over"] = f"{budget.speedup_over[0]}:{budget.speedup_over[1]:g}"
    return found


def _percentile(key: str, limit: float, timing: Timing) -> tuple[Verdict, str]:
    share = _LIMITS[key]
    wall, cpu = sorted(timing.wall_ns), sorted(timing.cpu_ns)
    _, upper = bounds(wall, share)
    shown = f"{key} of {percentile(wall, share) / _MS:.3g} ms"
    if upper is None:
        need = least_samples(share)
        return Verdict.INCONCLUSIVE, f"{len(wall)} samples cannot bound {key}, which needs {need}"
    if upper <= limit:
        return Verdict.PASSED, f"{shown} is at most {upper / _MS:.3g} ms, limit {limit / _MS:.3g} ms"
    lower, _ = bounds(cpu, share)
    # CPU time counts all threads, so it exceeds wall time when they run side by side: scale it to one call's wall
    scale = max(1.0, sum(timing.cpu_ns) / max(1, sum(timing.wall_ns)))
    own = None if lower is None else lower / scale
    if own is not None and own > limit:
        return Verdict.FAILED, (
            f"{shown} is over the limit of {limit / _MS:.3g} ms, and the model itself computes for {own / _MS:.3g} ms"
        )
    return Verdict.INCONCLUSIVE, (
        f"{shown} may be over the limit of {limit / _MS:.3g} ms (bound {upper / _MS:.3g} ms), "
        "but not by the model's own computing alone: measure on a quieter machine"
    )


def _speedup(
    timing: Timing, baseline: tuple[str, Timing] | None, asked: tuple[str, float]
) -> tuple[tuple[Verdict, str], float | None]:
    name, factor = asked
    if baseline is None:
        text = f"{name} did not run, so there is nothing to be {factor:g} times faster than"
        return (Verdict.INCONCLUSIVE, text), None
    ours, theirs = sorted(timing.wall_ns), sorted(baseline[1].wall_ns)
    ratio = percentile(theirs, 0.5) / percentile(ours, 0.5)
    our_low, our_high = bounds(ours, 0.5, 0.975)
    their_low, their_high = bounds(theirs, 0.5, 0.975)
    if our_low is None or our_high is None or their_low is None or their_high is None:
        return (Verdict.INCONCLUSIVE, f"too few samples to compare with {name}"), ratio
    low, high = their_low / our_high, their_high / our_low
    text = f"{ratio:.2f} times as fast as {name} ({low:.2f} to {high:.2f}), asked for {factor:g}"
    if low >= factor:
        return (Verdict.PASSED, text), ratio
    return (Verdict.FAILED if high < factor else Verdict.INCONCLUSIVE, text), ratio
