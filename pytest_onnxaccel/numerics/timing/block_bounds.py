"""Bounds of percentiles of timings, which come in spells: neighbouring calls share their machine's mood.

The share of calls past the percentile is taken per batch of blocks. Where it varies from batch to batch more than
chance makes it, the samples are worth fewer independent ones, and the order statistics are chosen for that number
(Korn & Graubard 1998, confidence intervals for proportions in clustered samples; batch means after Schmeiser 1982).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.timing.order_stats import percentile, ranks

#: Batches that blocks are gathered into; 10 to 30 are recommended.
BATCHES = 20


@record(frozen=True)
class Estimate:
    """A percentile of samples in blocks.

    Attributes:
        lower, upper: one-sided bounds; None where the samples cannot bound it.
        samples: how many there are.
        effective: how many independent ones they are worth.
    """

    value: float
    lower: float | None
    upper: float | None
    samples: int
    effective: int


def estimate(blocks: Sequence[Sequence[float]], share: float, confidence: float = 0.95) -> Estimate:
    """Return the *share* quantile of all samples in *blocks* (in the order taken), with bounds of *confidence* each."""
    ordered = sorted(value for block in blocks for value in block)
    n, point = len(ordered), percentile(ordered, share)
    if not n:
        return Estimate(math.nan, None, None, 0, 0)
    worth = max(1, math.floor(n / design_effect(blocks, point)))
    lower, upper = ranks(worth, share, confidence)
    low = None if lower is None else ordered[max(1, math.floor(lower / worth * n)) - 1]
    high = None if upper is None else ordered[min(n, math.ceil(upper / worth * n)) - 1]
    return Estimate(point, low, high, n, worth)


def design_effect(blocks: Sequence[Sequence[float]], threshold: float) -> float:
    """Return how many samples in spells one independent sample is worth: 1 where spells do not show.

    The variance over batches of the share past *threshold*, over the variance that independent samples would have.
    """
    past = _effect(_batches([[value > threshold for value in block] for block in blocks]))
    # Where many samples equal the threshold, as clocks that count in steps make them
    return max(past, _effect(_batches([[value >= threshold for value in block] for block in blocks])))


def _effect(batches: Sequence[Sequence[bool]]) -> float:
    if len(batches) < 2:
        return 1.0
    total = sum(map(len, batches))
    past = sum(map(sum, batches)) / total
    if not 0 < past < 1:
        return 1.0
    shares = [(sum(batch) / len(batch), len(batch)) for batch in batches]
    spread = sum(size * (share - past) ** 2 for share, size in shares) / (len(shares) - 1)
    return max(1.0, spread / (past * (1 - past)))


def _batches(blocks: Sequence[Sequence[bool]]) -> list[list[bool]]:
    """Return neighbouring blocks joined into :data:`BATCHES` at most, none of them empty."""
    count = min(BATCHES, len(blocks))
    edges = [round(i * len(blocks) / count) for i in range(count + 1)] if count else [0]
    joined = [[flag for block in blocks[a:b] for flag in block] for a, b in pairwise(edges)]
    return [batch for batch in joined if batch]
