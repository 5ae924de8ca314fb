"""Speed-ups over a common baseline, which only the results of a whole run can tell."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_onnxaccel.core.results import CheckResult


def with_speedups(results: Sequence[CheckResult], preferred: str | None) -> list[CheckResult]:
    """Return *results* with ``speedup`` and ``speedup_over`` in each latency row that has none.

    The baseline of a model at a batch is the *preferred* backend where it was timed, else the slowest one; a model
    timed on one backend alone has no speed-up. Ratios are of medians (p50).
    """
    timed: dict[tuple[str, int | None], list[CheckResult]] = {}
    for result in results:
        if result.check == "latency" and result.figures.get("p50_ms"):
            timed.setdefault((result.model, result.batch), []).append(result)
    return [
        _filled(result, timed.get((result.model, result.batch), []), preferred) if result.check == "latency" else result
        for result in results
    ]


def _filled(result: CheckResult, peers: list[CheckResult], preferred: str | None) -> CheckResult:
    backends = {peer.backend for peer in peers}
    if len(backends) < 2 or result.figures.get("speedup") or not result.figures.get("p50_ms"):
        return result
    slowest = max(peers, key=lambda peer: float(peer.figures["p50_ms"]))
    baseline = next((peer for peer in peers if peer.backend == preferred), slowest)
    ratio = float(baseline.figures["p50_ms"]) / float(result.figures["p50_ms"])
    return result.with_(figures={**result.figures, "speedup": ratio, "speedup_over": baseline.backend})
