"""The batch size with the best throughput inside the latency budget: why people freeze another batch at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult, Json
from pytest_onnxaccel.report.terminal import units
from pytest_onnxaccel.report.text_format import name

#: Percentiles that a budget limits, and their names in a message.
_LIMITS = {"p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99"}


@record(frozen=True)
class BestBatch:
    """One model in one backend.

    Attributes:
        batch: None when no size that was timed is inside the budget.
        throughput_per_s: samples per second at that batch.
        p95_ms: latency of one call at that batch.
        budget: limits of the model's percentiles, by figure; empty without any.
        timed: the batch sizes that were timed.
    """

    model: str
    backend: str
    batch: int | None
    throughput_per_s: float | None
    p95_ms: float | None
    budget: Mapping[str, float]
    timed: tuple[int, ...]

    def to_json(self) -> dict[str, Json]:
        """Return the entry in a report's ``models``."""
        return {
            "backend": self.backend,
            "batch": self.batch,
            "throughput_per_s": self.throughput_per_s,
            "p95_ms": self.p95_ms,
            "budget": dict(self.budget),
            "timed": list(self.timed),
        }

    def line(self, with_model: bool) -> str:
        """Return ``best batch: 10 [ort-cpu]: 412/s, p95 24.3 ms (inside p95 30 ms; timed: 1, 3, 10)``."""
        whom = f"{name(self.model, 40)} {name(self.backend, 40)}" if with_model else name(self.backend, 40)
        limits = " and ".join(f"{_LIMITS[key]} {units.milliseconds(value)}" for key, value in self.budget.items())
        sizes = ", ".join(map(str, self.timed))
        if self.batch is None:
            return f"best batch: none of {sizes} is inside {limits} [{whom}]"
        figures = f"{units.rate(self.throughput_per_s)}, p95 {units.milliseconds(self.p95_ms)}"
        inside = f"inside {limits}; " if limits else ""
        return f"best batch: {self.batch} [{whom}]: {figures} ({inside}timed: {sizes})"


def best_batches(results: Iterable[CheckResult]) -> list[BestBatch]:
    """Return the best batch by model and backend, where at least two batch sizes were timed.

    A size is inside the budget when every limited percentile was measured within its limit; whether that can be
    relied on is the latency check's to say. Without limits the best throughput wins.
    """
    timed: dict[tuple[str, str], dict[int, CheckResult]] = {}
    for result in results:
        if result.check != "latency" or result.batch is None or not _figure(result, "throughput_per_s"):
            continue
        sizes = timed.setdefault((result.model, result.backend), {})
        # Several timings of one size (a marker beside the built-in check): the slower one
        known = sizes.get(result.batch)
        if known is None or _figure(result, "throughput_per_s") < _figure(known, "throughput_per_s"):
            sizes[result.batch] = result
    return [_best(*key, sizes) for key, sizes in sorted(timed.items()) if len(sizes) > 1]


def _best(model: str, backend: str, sizes: Mapping[int, CheckResult]) -> BestBatch:
    budgets = [_budget(result) for result in sizes.values()]
    budget = next((found for found in budgets if found), {})
    inside = {
        size: result
        for size, result in sizes.items()
        if all(0 < _figure(result, key) <= limit for key, limit in _budget(result).items())
    }
    timed = tuple(sorted(sizes))
    if not inside:
        return BestBatch(model, backend, None, None, None, budget, timed)
    batch, best = max(inside.items(), key=lambda item: (_figure(item[1], "throughput_per_s"), -item[0]))
    return BestBatch(
        model, backend, batch, _figure(best, "throughput_per_s"), _figure(best, "p95_ms") or None, budget, timed
    )


def _budget(result: CheckResult) -> dict[str, float]:
    given = result.figures.get("budget")
    if not isinstance(given, Mapping):
        return {}
    found = {key: units.number(given.get(key)) for key in _LIMITS}
    return {key: value for key, value in found.items() if value is not None}


def _figure(result: CheckResult, key: str) -> float:
    """Return the figure, or 0 where there is none."""
    return units.number(result.figures.get(key)) or 0.0
