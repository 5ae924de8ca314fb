"""Order statistics of timings. A percentile is only given where the number of samples can bound it."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the *share* quantile of *ordered* (ascending), interpolated linearly as NumPy does by default."""
    if not ordered:
        return math.nan
    position = (len(ordered) - 1) * share
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def middle(values: Sequence[float]) -> float:
    """Return the median. The standard library's would load ``fractions`` and more into every worker."""
    return percentile(sorted(values), 0.5)


def binomial_tail(n: int, k: int, p: float) -> float:
    """Return p(X >= k) of a binomial(n, p), summed in logarithms so that large *n* neither overflows nor underflows."""
    if k <= 0:
        return 1.0
    logs = [
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * math.log(p) + (n - i) * math.log1p(-p)
        for i in range(k, n + 1)
    ]
    if not logs:
        return 0.0
    top = max(logs)
    return min(1.0, math.exp(top) * sum(math.exp(v - top) for v in logs))


def ranks(n: int, share: float, confidence: float = 0.95) -> tuple[int | None, int | None]:
    """Return which of *n* ordered samples, counted from 1, bound the *share* quantile from below and from above.

    Each bound holds with *confidence*; None where *n* is too small for it.
    """
    alpha = 1 - confidence
    upper = lower = None
    # X_(k) >= quantile holds unless k or more samples lie below it: P(Bin(n, share) >= k) <= alpha
    for k in range(max(1, math.floor(n * share)), n + 1):
        if binomial_tail(n, k, share) <= alpha:
            upper = k
            break
    # X_(k) <= quantile holds unless fewer than k samples lie below it: P(Bin(n, share) <= k - 1) <= alpha
    for k in range(min(n, math.ceil(n * share)), 0, -1):
        if 1 - binomial_tail(n, k, share) <= alpha:
            lower = k
            break
    return lower, upper


def bounds(ordered: Sequence[float], share: float, confidence: float = 0.95) -> tuple[float | None, float | None]:
    """Return distribution-free one-sided bounds (lower, upper) of the *share* quantile by order statistics.

    Each holds with *confidence* for independent samples; None where the sample is too small for one (p95 needs 59
    samples for an upper bound at 95 %, p99 needs 299). See :mod:`~pytest_onnxaccel.numerics.timing.block_bounds` for
    samples that are not independent.
    """
    lower, upper = ranks(len(ordered), share, confidence)
    return (None if lower is None else ordered[lower - 1]), (None if upper is None else ordered[upper - 1])


def least_samples(share: float, confidence: float = 0.95) -> int:
    """Return the fewest samples that can bound the *share* quantile from above: 59 for p95, 299 for p99."""
    return math.ceil(math.log(1 - confidence) / math.log(share))


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean; NaN of nothing."""
    return sum(values) / len(values) if values else math.nan
