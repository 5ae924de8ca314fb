"""Which clock tells a model's own cost: CPU time where one thread computes on a CPU, else wall time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_onnxaccel.numerics.timing import perf_counters as counters
from pytest_onnxaccel.numerics.timing.blocks import Block
from pytest_onnxaccel.numerics.timing.order_stats import percentile

#: What sessions that compute on the CPU say of themselves.
_ON_CPU = ("CPUExecutionProvider", "TensorFlow", "numpy")
#: CPU over wall time up to which one thread did the work.
_ONE_THREAD = 1.1
#: Share of the CPU time that threads other than the calling one may have had where it did the work.
_OTHERS = 0.1
#: CPU over wall time from which a call computes all the time, where its provider is not known.
_COMPUTES = 0.9


def parallelism(blocks: Sequence[Block]) -> float:
    """Return CPU over wall time of the least disturbed blocks; 2.0 where two threads always compute."""
    return percentile(sorted(sum(b.cpu_ns) / max(1, sum(b.wall_ns)) for b in blocks), 0.9)


def on_cpu(blocks: Sequence[Block], facts: Mapping[str, Any]) -> bool:
    """Return whether the session computes on the CPU, by its provider or, where that is not known, by its CPU time."""
    if not counters.cpu_clock_counts():
        return False
    provider = facts.get("provider")
    return provider in _ON_CPU or (provider is None and parallelism(blocks) >= _COMPUTES)


def by_cpu(blocks: Sequence[Block], facts: Mapping[str, Any]) -> bool:
    """Return whether CPU time tells the session's cost and leaves out the time that it waited for a CPU.

    Not so with several threads: work that no longer runs side by side costs wall time and no CPU time, and threads that
    spin cost CPU time and do no work.
    """
    if not on_cpu(blocks, facts):
        return False
    if facts.get("threads") == 1:
        return True
    if all(counters.OTHERS in block.noise for block in blocks):
        # Two threads that share one CPU with neighbours take as much CPU time as wall time, in every block
        own, others = (sum(block.noise[key] for block in blocks) for key in (counters.OWN, counters.OTHERS))
        if others > _OTHERS * (own + others):
            return False
    most = max(sum(block.cpu_ns) / max(1, sum(block.wall_ns)) for block in blocks)
    return most <= _ONE_THREAD


def side_by_side(blocks: Sequence[Block], facts: Mapping[str, Any]) -> float:
    """Threads that CPU time is spread over, for what the session computes at least: as many as it may have.

    What they were seen to do says too little: on a crowded machine two threads that spin for each other look like one.
    """
    threads = facts.get("threads")
    if not isinstance(threads, int) or threads < 1:
        affinity = facts.get("affinity")
        threads = len(affinity) if isinstance(affinity, (list, tuple)) and affinity else os.cpu_count() or 1
    return max(1.0, float(threads), parallelism(blocks))
