"""The ways to run one model, side by side: what a call takes in each, and how many times as fast that is.

Every figure has its interval, and all are of one run in which the ways took turns, so that they had the same
neighbours. A way that is not here keeps its row, with the reason and what fixes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from pytest_onnxaccel.checks.latency.paired_ratio import Interval
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.timing.block_bounds import Estimate, estimate
from pytest_onnxaccel.numerics.timing.interleave import interval
from pytest_onnxaccel.numerics.timing.order_stats import middle

#: The rows in their order: what the model was converted from, the model in TensorFlow, and in the runtime twice.
SOURCE, ONNX_TF, SHIPPED, ADVISED = "source", "onnx-tf", "shipped", "advised"
ORDER = (SOURCE, ONNX_TF, SHIPPED, ADVISED)
#: A second session of the model as shipped: what two equal sessions differ by.
TWIN = "twin"
#: Confidence of an interval; each of its two bounds may err by half of the rest.
CONFIDENCE = 0.95
#: Two equal sessions are told to be equal when their ratio is no further than this from 1, and its bounds than that.
CONTROL, CONTROL_BOUNDS = 0.03, 0.10

#: Wall time of the calls of each block, nanoseconds, by row.
Blocks = Mapping[str, Sequence[Sequence[int]]]


@record(frozen=True)
class Way:
    """One way to run the model.

    Attributes:
        why: the reason that it was not timed; empty where it was.
        remedy: what the user can do about it.
        notes: facts that qualify its figures, such as outputs that differ.
    """

    key: str
    title: str
    why: str = ""
    remedy: str = ""
    notes: tuple[str, ...] = ()


@record(frozen=True)
class Row:
    """A way and its figures.

    Attributes:
        taken: median wall time of a call, nanoseconds; None where it was not timed.
        times: by the key of an earlier row, how many times as fast as that.
    """

    way: Way
    taken: Estimate | None = None
    times: Mapping[str, Interval] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Figures of the report."""
        taken, way = self.taken, self.way
        nanoseconds = {
            "p50_ms": taken.value if taken else None,
            "low_ms": taken.lower if taken else None,
            "high_ms": taken.upper if taken else None,
        }
        return {
            "key": way.key,
            "title": way.title,
            "timed": taken is not None,
            **{key: None if ns is None else ns / 1e6 for key, ns in nanoseconds.items()},
            "calls": 0 if taken is None else taken.samples,
            "times": {
                key: {"ratio": one.ratio, "low": one.low, "high": one.high} for key, one in self.times.items()
            },
            "why": way.why,
            "remedy": way.remedy,
            "notes": list(way.notes),
        }  # fmt: skip


@record(frozen=True)
class SpeedTable:
    """The whole of it.

    Attributes:
        control: how many times as fast a second session of the model as shipped is; None where it was not timed.
        pairs: samples of each row.
        runs: of the command that they were taken in: more than one where it was interrupted and continued.
        facts: about the run: ``backend``, ``threads``, ``seed``, ``inputs``, ``versions``.
        advice: lines of the advice.
    """

    model: str
    rows: tuple[Row, ...]
    control: Interval | None
    pairs: int
    runs: int
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    advice: tuple[str, ...] = ()

    @property
    def fit(self) -> bool:
        """Two equal sessions are told to be equal."""
        found = self.control
        if found is None:
            return True
        near = 1 / (1 + CONTROL) <= found.ratio <= 1 + CONTROL
        return near and found.low >= 1 / (1 + CONTROL_BOUNDS) and found.high <= 1 + CONTROL_BOUNDS

    def to_json(self) -> dict[str, Any]:
        """Return an entry of the report's ``speed``."""
        control = self.control
        return {
            "model": self.model,
            **self.facts,
            "rows": [row.to_json() for row in self.rows],
            "control": None if control is None else {
                "ratio": control.ratio, "low": control.low, "high": control.high,
            },
            "fit": self.fit,
            "confidence": CONFIDENCE,
            "pairs": self.pairs,
            "runs": self.runs,
            "duration_s": round(self.seconds, 3),
            "advice": list(self.advice),
        }  # fmt: skip


def rows(ways: Sequence[Way], blocks: Blocks) -> tuple[Row, ...]:
    """Return the figures of each of *ways*; those without blocks have none."""
    bound = (1 + CONFIDENCE) / 2
    samples = {key: [middle(block) for block in taken] for key, taken in blocks.items() if taken}
    found: list[Row] = []
    for way in ways:
        if way.key not in samples:
            found.append(Row(way))
            continue
        before = [row.way.key for row in found if row.taken is not None]
        times = {key: Interval(*interval(samples[key], samples[way.key], bound)) for key in before}
        taken = estimate([[float(ns) for ns in block] for block in blocks[way.key]], 0.5, bound)
        found.append(Row(way, taken, times))
    return tuple(found)


def control(blocks: Blocks) -> Interval | None:
    """How many times as fast the twin of the model as shipped is; None without blocks of both."""
    if not (blocks.get(SHIPPED) and blocks.get(TWIN)):
        return None
    first, second = ([middle(block) for block in blocks[key]] for key in (SHIPPED, TWIN))
    return Interval(*interval(first, second, (1 + CONFIDENCE) / 2))
