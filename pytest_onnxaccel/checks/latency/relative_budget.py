"""Budgets against another session: at least so many times as fast, at most so much slower."""

from __future__ import annotations

import math
from typing import Any

from pytest_onnxaccel.checks.latency.absolute_budget import Judged, noise_text
from pytest_onnxaccel.checks.latency.paired_ratio import CONTROL, Ratio
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import Verdict


@record(frozen=True)
class Compared:
    """A relative limit that was judged.

    Attributes:
        kind: ``speedup`` or ``regression``.
        other: what the model was compared with.
        ratio: how many times as long the other takes (speed-up), or the model (regression); None where nothing ran.
    """

    kind: str
    other: str
    judged: Judged
    ratio: Ratio | None = None

    def figures(self) -> dict[str, Any]:
        """Return documented figures: ``speedup`` and ``speedup_over``, or ``regression`` and ``regression_from``."""
        names = {"speedup": "speedup_over", "regression": "regression_from"}
        found: dict[str, Any] = {self.kind: None, names[self.kind]: self.other}
        if self.ratio is None:
            return found
        shift = 0.0 if self.kind == "speedup" else 1.0
        found[self.kind] = self.ratio.ratio - shift
        found[f"{self.kind}_bounds"] = [self.ratio.low - shift, self.ratio.high - shift]
        found[f"{self.kind}_details"] = self.ratio.to_json()
        return found


def speedup(ratio: Ratio | None, other: str, factor: float) -> Compared:
    """Judge whether it is at least *factor* times as fast as *other*.

    Args:
        ratio: how many times as long *other* takes as the model; None when it did not run.
        other: name of the backend that is compared with.
        factor: least speed-up.
    """
    if ratio is None:
        text = f"{other} did not run, so there is nothing to be {factor:g} times faster than"
        return Compared("speedup", other, Judged(Verdict.INCONCLUSIVE, text))
    text = f"{ratio.decisive} times as fast as {other}, asked for {factor:g}; {_clocks(ratio)}"
    return Compared("speedup", other, _judged(ratio, ratio.above(factor), ratio.below(factor), text), ratio)


def regression(ratio: Ratio, other: str, share: float) -> Compared:
    """Judge whether it is at most *share* slower than *other*.

    Args:
        ratio: how many times as long the model takes as *other*.
        other: name of the model that is compared with.
        share: largest slowdown, as a fraction: 0.1 for 10 %.
    """
    bounds = f"{ratio.low - 1:+.1%} to " + ("unbounded" if math.isinf(ratio.high) else f"{ratio.high - 1:+.1%}")
    text = f"{ratio.ratio - 1:+.1%} ({bounds}) in time against {other}, allowed {share * 100:+g}%; {_clocks(ratio)}"
    limit = 1 + share
    passed = ratio.fit and ratio.high <= limit
    return Compared("regression", other, _judged(ratio, passed, ratio.fit and ratio.low > limit, text), ratio)


def _judged(ratio: Ratio, passed: bool, failed: bool, text: str) -> Judged:
    if passed:
        return Judged(Verdict.PASSED, text)
    if failed:
        return Judged(Verdict.FAILED, text)
    disturbed = noise_text(ratio.noise, ratio.end_ns - ratio.start_ns)
    if not ratio.fit and ratio.control is not None:
        return Judged(
            Verdict.INCONCLUSIVE,
            f"the machine is too noisy to decide: two sessions of the same model differ by "
            f"{ratio.control.ratio - 1:+.1%}, more than {CONTROL:.0%}{disturbed} ({text})",
        )
    return Judged(Verdict.INCONCLUSIVE, f"the bounds do not decide: {text}{disturbed}")


def _clocks(ratio: Ratio) -> str:
    """Return both clocks, the one that decides first."""
    if ratio.clock == "cpu":
        return f"by CPU time, by wall time {ratio.wall}, {ratio.pairs} pairs"
    return f"by wall time, by CPU time {ratio.cpu}, {ratio.pairs} pairs"
