"""Which clock tells a model's own cost: CPU time where one thread computes on a CPU, else wall time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_onnxaccel.numerics.timing import perf_counters as counters
from pytest_onnxaccel.numerics.timing.blocks import Block
from pytest_onnxaccel.numerics.timing.order_stats import percentile

#: What sessions that compute on the CPU say of themselves.
_ON_CPU = ("CPUExecutionProvider", "TensorFlow", "numpy")
#: CPU over wall time up to which one thread did the work.
_ONE_THREAD = 1.1
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
    # On a crowded machine several threads may look like one, but not in every block
    most = max(sum(block.cpu_ns) / max(1, sum(block.wall_ns)) for block in blocks)
    return facts.get("threads") == 1 or most <= _ONE_THREAD
