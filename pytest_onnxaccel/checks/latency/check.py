"""How fast is a session, and is that inside its budget: bounds of percentiles, never two numbers side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.latency import absolute_budget as absolute
from pytest_onnxaccel.checks.latency.absolute_budget import Judged, Sampled
from pytest_onnxaccel.checks.latency.relative_budget import Compared
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import LatencyBudget, Timing, TimingPlan
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.timing import perf_counters as counters
from pytest_onnxaccel.numerics.timing.order_stats import mean, percentile

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

_MS = 1e6
#: Share of the time that threads waited for a CPU from which spinning is warned about.
_CROWDED = 0.02


@record(frozen=True)
class Measured:
    """A session that was timed: the timing that the figures are made of, and the blocks that a budget was judged by."""

    timing: Timing
    sampled: Sampled | None = None


def measure(session: Session, inputs: Inputs, budget: LatencyBudget, batch: int | None = None) -> Measured:
    """Warm *session* up and time it; where *budget* limits percentiles, until they are decided or time is up."""
    feeds: Mapping[str, Array] = inputs.feeds(0, batch)
    wanted = absolute.limits(budget)
    timing = session.time(feeds, TimingPlan(samples=20, resident=True) if wanted else TimingPlan(resident=True))
    if not wanted:
        return Measured(timing)
    sampled = absolute.sample(session, feeds, wanted, percentile(sorted(timing.wall_ns), 0.5))
    return Measured(pooled(timing, sampled), sampled)


def pooled(timing: Timing, sampled: Sampled) -> Timing:
    """Return *timing* with the samples of the blocks instead of its own."""
    blocks = sampled.blocks
    return replace(
        timing,
        wall_ns=tuple(wall for block in blocks for wall in block.wall_ns),
        cpu_ns=tuple(cpu for block in blocks for cpu in block.cpu_ns),
        start_ns=timing.start_ns or blocks[0].start_ns,
        end_ns=blocks[-1].end_ns,
    )


def figures(timing: Timing, session: Session, batch: int) -> dict[str, Any]:
    """Return documented figures of *timing*."""
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
        **({"device_p50_ms": percentile(sorted(timing.device_ns), 0.5) / _MS} if timing.device_ns else {}),
        "quantiles_ms": [percentile(wall, step / 20) / _MS for step in range(21)],
        "mean_ms": average / _MS,
        "throughput_per_s": batch * 1e9 / average,
        "cpu_p50_ms": percentile(cpu, 0.5) / _MS,
        "cpu_wall_ratio": sum(cpu) / max(1, sum(wall)),
        # What loading and running added to the idle worker, not the size of Python and its libraries
        "peak_memory_mb": None if peak is None or before is None else max(0.0, peak - before),
        # None where the provider does not tell
        **({"device_memory_mb": getattr(session, "device_memory_mb", None)} if on_a_device(facts) else {}),
        **{key: facts.get(key) for key in ("threads", "spinning", "provider", "affinity")},
        **{key: facts[key] for key in ("device", "provider_options") if key in facts},
        # By the machine's monotonic clock, so that timings of several processes can be laid side by side
        "timed_from_s": timing.start_ns / 1e9 if timing.start_ns else None,
        "timed_until_s": timing.end_ns / 1e9 if timing.end_ns else None,
        "versions": {k: v for k, v in facts.items() if k in ("onnxruntime", "onnx", "onnx-tf", "tensorflow")},
    }


def on_a_device(facts: Mapping[str, object]) -> bool:
    """Return whether a session with these *facts* computes elsewhere than on the CPU."""
    return str(facts.get("device") or "cpu").lower() != "cpu"


def latency(
    model: str,
    backend: str,
    session: Session,
    measured: Measured,
    budget: LatencyBudget,
    compared: Sequence[Compared] = (),
    batch: int | None = None,
) -> CheckResult:
    """Check that the model answers inside its budget; without a budget nothing is judged.

    The worst limit decides: one that failed, else one that cannot be decided.

    Args:
        model: name of the model, as reports show it.
        backend: name of the backend.
        session: the model running in *backend*.
        measured: what :func:`measure` found for *session*.
        budget: limits and scenario; all unset when only measured.
        compared: the limits of *budget* that need another session, judged.
        batch: samples of one call.
    """
    found = figures(measured.timing, session, batch or 1)
    for one in compared:
        found |= one.figures()
    notes = session.info.notes
    if on_a_device(session.info.facts) and found["device_memory_mb"] is None:
        notes = (*notes, f"memory on {session.info.facts['device']} is not told")
    result = CheckResult(model, "latency", Verdict.PASSED, backend=backend, batch=batch, notes=notes)
    speed = f"p50 {found['p50_ms']:.3g} ms, p95 {found['p95_ms']:.3g} ms, {found['throughput_per_s']:.4g}/s"
    if not budget:
        return result.with_(figures=found, message=f"measured, no budget declared: {speed}")
    found["budget"] = described(budget)
    sampled = measured.sampled
    judged: list[Judged] = [*(sampled.judged.values() if sampled else ()), *(one.judged for one in compared)]
    if sampled is not None:
        found["noise"] = counters.total([block.noise for block in sampled.blocks])
        if sampled.basis == "wall":
            result = result.with_(notes=(*result.notes, absolute.WALL_ALONE))
    ranks = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)
    worst = min((one.verdict for one in judged), key=ranks.index)
    lines = [one.text for one in judged if one.verdict is worst]
    result = result.with_(
        verdict=worst,
        figures=found,
        code="OK" if worst is Verdict.PASSED else "V_LATENCY",
        warnings=tuple(_spinning(found, sampled)),
    )
    if worst is Verdict.PASSED:
        return result.with_(message=f"inside its budget ({'; '.join(lines)}): {speed}")
    others = tuple(f"{one.verdict}: {one.text}" for one in judged if one.verdict is not worst)
    details = (f"measured: {speed}", *others, f"budget from {budget.origin}")
    return result.with_(message="; ".join(lines), details=details)


def _spinning(found: Mapping[str, Any], sampled: Sampled | None) -> list[str]:
    """Return a warning where threads that spin for their next call slow a shared machine down."""
    if sampled is None or not found.get("spinning"):
        return []
    span = sum(block.end_ns - block.start_ns for block in sampled.blocks)
    waited = counters.total([block.noise for block in sampled.blocks]).get("queued_ns", 0.0) / max(1, span)
    if waited < _CROWDED:
        return []
    return [
        "threads of the runtime spin for their next call, and together they waited "
        f"{waited:.0%} of the time for a CPU that others use too: pin threads=1, or measure where the machine is free"
    ]


def described(budget: LatencyBudget) -> dict[str, Any]:
    """Return *budget* in the units of reports."""
    found: dict[str, Any] = {f"{key}_ms": limit / _MS for key, limit in absolute.limits(budget).items()}
    if budget.speedup_over is not None:
        found["speedup_over"] = f"{budget.speedup_over[0]}:{budget.speedup_over[1]:g}"
    if budget.regression is not None:
        found["regression"] = f"{budget.regression[0] * 100:g}% {budget.regression[1]}".strip()
    return found
