"""Calls at the pace of a client, run inside the worker: with a pause before each, or when requests come in.

Time counts from the moment at which the request came in, so waking up is part of it, as it is for a client.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from pytest_onnxaccel.core.frozen import record

#: Sleeping ends late by the timer slack of the system, so the last part is waited for awake.
_AWAKE_NS = 60_000


@record(frozen=True)
class PacePlan:
    """When calls are made.

    Attributes:
        kind: ``pause``: each call *gap_ns* after the last one ended; ``idle``: the same with exponential pauses of that
            mean; ``poisson``: requests come in whether or not the last one is done, *gap_ns* apart on average, and wait
            for their turn.
        calls: after *warmup* more that are not counted.
        seconds: limit of the whole loop; what was taken by then counts.
    """

    kind: str
    gap_ns: float
    calls: int = 200
    warmup: int = 10
    seconds: float = 20.0
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@record(frozen=True)
class Paced:
    """Nanoseconds of each call in order.

    Attributes:
        response_ns: from the moment the request came in to its answer.
        wait_ns: the part of it before the call began: waking up, or behind other requests, to the end of the last one.
        cpu_ns: CPU time of the call itself.
        found_idle: the request came in when no other was being served or waited.
    """

    response_ns: tuple[int, ...]
    wait_ns: tuple[int, ...]
    cpu_ns: tuple[int, ...] = ()
    found_idle: tuple[bool, ...] = ()

    @property
    def service_ns(self) -> tuple[int, ...]:
        """The calls alone, and the time between two of them where requests wait."""
        return tuple(whole - wait for whole, wait in zip(self.response_ns, self.wait_ns, strict=True))

    @property
    def occupied_ns(self) -> tuple[int, ...]:
        """How long each request kept the others waiting: its call, and waking up where it found the server idle."""
        pairs = zip(self.found_idle, self.response_ns, self.service_ns, strict=True)
        return tuple(whole if idle else service for idle, whole, service in pairs)

    def to_json(self) -> dict[str, Any]:
        return {key: list(value) for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Paced:
        return cls(*(tuple(data[key]) for key in ("response_ns", "wait_ns", "cpu_ns", "found_idle")))


def gaps(plan: PacePlan) -> list[float]:
    """Return what *plan* leaves between two requests, warm-up included, nanoseconds."""
    draw = random.Random(plan.seed)
    if plan.kind == "pause":
        return [plan.gap_ns] * (plan.warmup + plan.calls)
    return [draw.expovariate(1) * plan.gap_ns for _ in range(plan.warmup + plan.calls)]


def caller(session: Any, feeds: Any) -> Callable[[], object]:
    """Return the call of *session* that is timed: its ``timer`` where it has one, else ``run``."""
    timer = getattr(session, "timer", None)
    found: Callable[[], object] = partial(session.run, feeds) if timer is None else timer(feeds)
    return found


def pace(call: Callable[[], object], plan: PacePlan) -> Paced:
    """Make *call* at the pace of *plan*."""
    clock = time.perf_counter_ns
    responses: list[int] = []
    waits: list[int] = []
    cpus: list[int] = []
    idle: list[bool] = []
    call()
    due = end = clock()
    limit = end + int(plan.seconds * 1e9)
    for index, gap in enumerate(gaps(plan), -plan.warmup):
        due = int((due if plan.kind == "poisson" else end) + gap)
        found_idle = due > end
        _until(due, clock)
        before = None if found_idle else end
        worked, start = time.process_time_ns(), clock()
        call()
        end, worked = clock(), time.process_time_ns() - worked
        if index >= 0:
            responses.append(end - due)
            waits.append((start if before is None else before) - due)
            cpus.append(worked)
            idle.append(found_idle)
        if end > limit and responses:
            break
    return Paced(tuple(responses), tuple(waits), tuple(cpus), tuple(idle))


def _until(due: int, clock: Callable[[], int]) -> None:
    left = due - clock()
    if left > _AWAKE_NS:
        time.sleep((left - _AWAKE_NS) / 1e9)
    while clock() < due:
        pass
