"""A block of samples: a few calls of one session in a row, the first dropped, with the noise around them.

Blocks are what is alternated and what is counted: calls that follow each other share their machine's mood, so that
they are worth less than as many independent ones. Runs in workers, Python 3.9 included.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any, Protocol

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import Timing, TimingPlan
from pytest_onnxaccel.numerics.timing import perf_counters as counters
from pytest_onnxaccel.numerics.timing.order_stats import middle


class _Timed(Protocol):
    def time(self, feeds: Mapping[str, Any], plan: TimingPlan, /) -> Timing: ...


@record(frozen=True)
class Block:
    """One block.

    Attributes:
        wall_ns, cpu_ns: of each call that counts.
        first_ns: wall time of the call that was dropped.
        start_ns, end_ns: by the machine's monotonic clock, which its processes share.
        probe_ns: CPU time of the speed probe just before; 0 where none ran.
        noise: what :mod:`~pytest_onnxaccel.numerics.timing.perf_counters` counted during the block, the dropped call
            included.
    """

    wall_ns: tuple[int, ...]
    cpu_ns: tuple[int, ...]
    first_ns: int = 0
    start_ns: int = 0
    end_ns: int = 0
    probe_ns: int = 0
    noise: Mapping[str, float] = field(default_factory=dict)

    @property
    def sample(self) -> tuple[float, float]:
        """Median wall and CPU time of a call."""
        return middle(self.wall_ns), middle(self.cpu_ns)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Block:
        values = dict(data)
        values["wall_ns"], values["cpu_ns"] = tuple(data["wall_ns"]), tuple(data["cpu_ns"])
        return cls(**values)


def take(session: _Timed, feeds: Mapping[str, Any], calls: int, probe: bool = False) -> Block:
    """Time *calls* calls after one that is dropped, which pays for caches that another session filled."""
    worked = 0
    if probe:
        from pytest_onnxaccel.numerics.timing.machine_speed_probe import run

        worked = run()
    before, start = counters.read(), time.monotonic_ns()
    timing = session.time(feeds, TimingPlan(samples=calls, warmup=1, seconds=3600.0, least=calls, steady=False))
    end, after = time.monotonic_ns(), counters.read()
    return Block(
        tuple(timing.wall_ns),
        tuple(timing.cpu_ns),
        timing.first_call_ns,
        start,
        end,
        worked,
        counters.grown(before, after),
    )
