"""Waiting by hand: what replayed and paced queues are compared with."""

from __future__ import annotations

from collections.abc import Sequence


def lindley(gaps: Sequence[float], services: Sequence[float]) -> list[float]:
    """Waiting time of each request: *gaps* before each arrival, *services* of each; the first finds nobody waiting."""
    waits = [0.0]
    for gap, service in zip(gaps[1:], services, strict=False):
        waits.append(max(0.0, waits[-1] + service - gap))
    return waits
