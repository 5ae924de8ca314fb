"""What a client sees of a model: pauses between calls, requests that queue, and samples per second in bulk.

Samples in, results out; taking them is the runner's. A limit passes when the upper confidence bound of its percentile
is inside it, and fails when what the model takes by itself (:mod:`~pytest_onnxaccel.checks.latency.own_time`) is past
it for certain; anything between is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from pytest_onnxaccel.checks.latency.absolute_budget import Judged, far_inside, far_past, far_past_text, far_text
from pytest_onnxaccel.checks.latency.own_time import OwnTime
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import LatencyBudget, Scenario, Timing
from pytest_onnxaccel.numerics.queueing.arrivals import Paced
from pytest_onnxaccel.numerics.queueing.load_test import (
    Throughput,
    after_pauses,
    best,
    replay,
    saturation,
    steady,
    utilisation,
)
from pytest_onnxaccel.numerics.queueing.service_times import Services, measured
from pytest_onnxaccel.numerics.timing.order_stats import bounds, least_samples, percentile

_MS = 1e6
_SHARES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
#: Rates of a search are told apart to this share, each by so many replays.
_RESOLUTION = 0.01
_SEARCH = 100


@record(frozen=True)
class Served:
    """One scenario.

    Attributes:
        line: what was found.
        figures: for the report, under ``scenario``.
        judged: what decided on the limits, one clause each.
    """

    verdict: Verdict
    line: str
    figures: Mapping[str, Any]
    judged: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What decided, and what was found."""
        return "; ".join((*self.judged, self.line))


def confirmed(first: Served, second: Served) -> Served:
    """Return a failure that a fresh process confirms; never a pass, whatever *second* says."""
    if second.verdict is Verdict.FAILED:
        return replace(second, judged=(*second.judged, "confirmed in a fresh process"))
    told = f"failed, and not again in a fresh process: at first {first.message}; then {second.line}"
    return Served(Verdict.INCONCLUSIVE, told, second.figures)


def limits(budget: LatencyBudget) -> dict[str, float]:
    """Return limited percentiles with their limits in nanoseconds."""
    found = {key: getattr(budget, f"{key}_ns") for key in _SHARES}
    return {key: value for key, value in found.items() if value is not None}


def idle_gap(
    scenario: Scenario, paced: Paced, busy: Timing, asked: Mapping[str, float], own: OwnTime | None = None
) -> Served:
    """Return the percentiles of calls after a pause.

    Args:
        scenario: ``idle-gap`` with its pause.
        paced: calls with that pause before each.
        busy: of the same session without pauses, for comparison.
        asked: see :func:`limits`.
        own: what the calls take by themselves; without it nothing fails.
    """
    wall = sorted(paced.response_ns)
    past = _far_past(wall, asked)
    factor = after_pauses(busy.wall_ns, paced.response_ns)
    figures = {**_named(scenario), "samples": len(wall), **_percentiles(wall), "over_no_pause": factor}
    text = f"after pauses of {_ms(scenario.pause_ns or 0)}: {_shown(figures)}, {factor:.2f} times a call without pause"
    judged = []
    for key, limit in asked.items():
        _, upper = bounds(wall, _SHARES[key])
        if key in past:
            judged.append(past[key])
        elif upper is None and far_inside(limit, wall[-1]):
            judged.append((Verdict.PASSED, far_text(key, limit, wall[-1], len(wall))))
        elif upper is None:
            judged.append(_refused(key, len(wall)))
        else:
            judged.append(_judge(key, limit, upper, None if own is None else own.lower(_SHARES[key]), own))
    return _served(judged, text, figures)


def server(
    scenario: Scenario,
    row: Timing,
    run: Paced | None,
    asked: Mapping[str, float],
    live: Paced | None = None,
    seed: int = 0,
    own: OwnTime | None = None,
) -> Served:
    """Return response times, waiting included, of requests that come in at random at the scenario's rate.

    Args:
        scenario: ``server`` with its rate in requests per second.
        row: calls one after the other.
        run: requests that came in at the scenario's rate, which the queue is replayed over; None where calls one after
            the other already take too long for it.
        asked: see :func:`limits`.
        live: another such run, where it was asked for. A limit that the replay keeps and the live run does not is
            inconclusive.
        seed: that of the replayed arrivals.
        own: what its requests take by themselves; without it nothing fails.
    """
    rate = scenario.rate_per_s or 0.0
    services = _services(row, run)
    past = _far_past(row.wall_ns, asked)
    load = utilisation(services, rate)
    figures: dict[str, Any] = {**_named(scenario), "rate_per_s": rate, "utilisation": load}
    if not steady(services, rate):
        load = figures["utilisation"] = max(load, saturation(services, rate))
        text = f"cannot serve {rate:g}/s: that would keep it busy for {load:.0%} of the time"
        if not asked:
            return Served(Verdict.PASSED, text, figures)
        if past:
            return _served(list(past.values()), text, figures)
        over = _past_what_it_can(text, figures, own, rate)
        return _past_its_limits(over, own, rate, asked, seed) or over
    found = replay(services, rate, seed)
    figures |= {f"{key}_ms": getattr(found, f"{key}_ns") / _MS for key in _SHARES}
    figures |= {f"{key}_upper_ms": found.upper_ns[key] / _MS for key in _SHARES}
    text = f"at {rate:g}/s (busy for {load:.0%} of the time): {_shown(figures)}"
    judged = []
    alone = {} if own is None or own.load(rate) >= 1 else replay(own.least(), rate, seed).lower_ns
    for key, limit in asked.items():
        judged.append(past.get(key) or _judge(key, limit, found.upper_ns[key], alone.get(key), own))
    if live is not None:
        ordered = sorted(live.response_ns)
        figures |= {f"live_{key}": value for key, value in _percentiles(ordered).items()}
        figures["live_samples"] = len(ordered)
        text += f"; live p95 {_ms(percentile(ordered, 0.95))}, p99 {_ms(percentile(ordered, 0.99))}"
        for key, limit in asked.items():
            seen = percentile(ordered, _SHARES[key])
            if seen > limit:
                judged.append((Verdict.INCONCLUSIVE, f"{key} of the live run is {_ms(seen)}, limit {_ms(limit)}"))
    return _served(judged, text, figures)


def _past_its_limits(
    past: Served, own: OwnTime | None, rate: float, asked: Mapping[str, float], seed: int
) -> Served | None:
    """Return what may fail by its own percentiles although it could not be served here."""
    if own is None or past.verdict is Verdict.FAILED:
        return None
    lower = replay(own.least(), rate, seed).lower_ns
    failed = [_judge(key, limit, math.inf, lower[key], own) for key, limit in asked.items() if lower[key] > limit]
    return _served(failed, past.line, past.figures) if failed else None


def _past_what_it_can(text: str, figures: Mapping[str, Any], own: OwnTime | None, rate: float) -> Served:
    """Judge a rate that could not be served here: by the model itself, or because it had to wait for a CPU."""
    if own is None:
        return Served(Verdict.INCONCLUSIVE, text, figures)
    load = own.load(rate)
    if load >= 1:
        alone = " (wall time alone)" if own.basis == "wall" else ""
        return Served(Verdict.FAILED, f"{text}, at least {load:.0%} by the model itself{alone}", figures)
    told = f"{text}, but by the model itself for no more than {load:.0%} for certain{own.told()}: measure on a "
    return Served(Verdict.INCONCLUSIVE, f"{told}quieter machine", figures)


def max_sustainable_rate(
    scenario: Scenario, row: Timing, run: Paced, seed: int = 0, own: OwnTime | None = None
) -> Served:
    """Return the highest rate of random requests at which p99 certainly keeps the scenario's target.

    Args:
        scenario: ``server`` with its target for p99.
        row: calls one after the other.
        run: requests that came in at random, at a rate between the ones searched.
        seed: that of the replayed arrivals.
        own: what its requests take by themselves; without it nothing fails.
    """
    target = scenario.target_ns or 0.0
    services = _services(row, run)
    most = 1 / saturation(services, 1.0)

    def keeps(rate: float) -> bool:
        return replay(services, rate, seed, seeds=_SEARCH).upper_ns["p99"] <= target

    low, high = 0.0, most * (1 - _RESOLUTION)
    if keeps(high):
        low = high
    while high - low > _RESOLUTION * most:
        middle = (low + high) / 2
        low, high = (middle, high) if keeps(middle) else (low, middle)
    figures = {**_named(scenario), "target_ms": target / _MS, "bearable_per_s": low, "capacity_per_s": most}
    if low:
        share = low / most
        text = f"sustains {low:.4g} random requests/s with p99 within {_ms(target)}, {share:.0%} of its rate in a row"
        return Served(Verdict.PASSED, text, figures)
    lower = None if own is None else own.lower(0.5)
    past = (lower is not None and lower > target) or far_past(target, min(row.wall_ns))
    alone = percentile(sorted(services.idle_ns), 0.99)
    text = f"sustains no rate with p99 within {_ms(target)}: a single request takes {_ms(alone)}"
    if own is not None and not past:
        text += f", but not by the model itself for certain{own.told()}: measure on a quieter machine"
    return Served(Verdict.FAILED if past else Verdict.INCONCLUSIVE, text, figures)


def offline(
    scenario: Scenario, found: Sequence[tuple[Throughput, Sequence[Judged]]], left: Mapping[int, str]
) -> Served:
    """Return samples per second over batch sizes, by lower bounds; with limits, of the sizes that keep them.

    Args:
        scenario: ``offline``.
        found: throughput of each batch size, with what became of each limit.
        left: sizes that were not timed, with the reason.
    """
    judged = {t.batch: [(one.verdict, one.text) for one in each] for t, each in found}
    inside = [t for t, _ in found if all(v is Verdict.PASSED for v, _ in judged[t.batch])]
    figures: dict[str, Any] = {**_named(scenario), "sizes": [asdict(t) for t, _ in found]}
    if left:
        figures["left_out"] = {str(size): why for size, why in left.items()}
    if not inside:
        # The size that is nearest to its limits speaks for all
        worst = [_served(verdicts, "", {}) for verdicts in judged.values()]
        verdict = Verdict.INCONCLUSIVE if any(w.verdict is Verdict.INCONCLUSIVE for w in worst) else Verdict.FAILED
        return Served(verdict, f"no batch size of {_sizes(found)} keeps its limits: {worst[0].judged[0]}", figures)
    top = best(inside)
    figures |= {"batch": top.batch, "throughput_per_s": top.per_s, "throughput_lower_per_s": top.lower_per_s}
    text = f"{top.per_s:.4g} samples/s at batch {top.batch}, certainly {top.lower_per_s:.4g}/s (timed: {_sizes(found)})"
    return Served(Verdict.PASSED, text, figures)


def _far_past(taken_ns: Sequence[float], asked: Mapping[str, float]) -> dict[str, tuple[Verdict, str]]:
    """Return the limits that even the fastest call is far past, as failures."""
    least, count = min(taken_ns), len(taken_ns)
    return {
        key: (Verdict.FAILED, far_past_text(key, limit, least, count))
        for key, limit in asked.items()
        if far_past(limit, least)
    }


def _refused(key: str, samples: int) -> tuple[Verdict, str]:
    need = least_samples(_SHARES[key])
    return Verdict.INCONCLUSIVE, f"{samples} samples cannot bound {key}, which needs {need}"


def _judge(key: str, limit: float, upper: float, lower: float | None, own: OwnTime | None) -> tuple[Verdict, str]:
    """By the *upper* bound of what was seen, and the *lower* one of what the model takes by itself."""
    if upper <= limit:
        return Verdict.PASSED, f"{key} is at most {_ms(upper)}, limit {_ms(limit)}"
    if lower is not None and lower > limit:
        alone = " (wall time alone)" if own is not None and own.basis == "wall" else ""
        return (
            Verdict.FAILED,
            f"{key} is over the limit of {_ms(limit)}: by the model itself it is at least {_ms(lower)}{alone}",
        )
    waited = "" if own is None else own.told()
    return Verdict.INCONCLUSIVE, (
        f"{key} may be over the limit of {_ms(limit)} (bound {_ms(upper)}), but not by the model's own computing "
        f"alone{waited}: measure on a quieter machine"
    )


def _served(judged: Sequence[tuple[Verdict, str]], text: str, figures: Mapping[str, Any]) -> Served:
    ranks = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)
    worst = min((v for v, _ in judged), key=ranks.index, default=Verdict.PASSED)
    lines = [line for verdict, line in judged if verdict is worst]
    return Served(worst, text, figures, tuple(lines))


def _services(row: Timing, run: Paced | None) -> Services:
    return Services.of(row.wall_ns) if run is None else measured(run, row.wall_ns)


def _named(scenario: Scenario) -> dict[str, Any]:
    return {"name": str(scenario), "kind": scenario.kind}


def _percentiles(ordered: Sequence[float]) -> dict[str, float]:
    return {f"{key}_ms": percentile(ordered, share) / _MS for key, share in _SHARES.items()}


def _shown(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {figures[f'{key}_ms']:.3g} ms" for key in _SHARES)


def _sizes(found: Sequence[tuple[Throughput, object]]) -> str:
    return ", ".join(str(t.batch) for t, _ in found)


def _ms(ns: float) -> str:
    return f"{ns / _MS:.3g} ms"
