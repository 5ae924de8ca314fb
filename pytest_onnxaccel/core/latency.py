"""How a model is timed, what is asked of its latency, and what a timing gives: frozen, in builtins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, ClassVar

from pytest_onnxaccel.core.frozen import record


@record(frozen=True)
class Scenario:
    """How a model is called.

    Attributes:
        kind: one of :attr:`KINDS`.
        rate_per_s: of ``server``: arrivals per second.
        target_ns: of ``server``: latency that the highest bearable rate must keep.
        pause_ns: of ``idle-gap``: between two calls.
        live: of ``server`` with a rate: let the requests really come in, next to the replay.
    """

    KINDS: ClassVar[tuple[str, ...]] = ("single-stream", "offline", "server", "idle-gap")

    kind: str
    rate_per_s: float | None = None
    target_ns: float | None = None
    pause_ns: float | None = None
    live: bool = False

    def __str__(self) -> str:
        if self.rate_per_s is not None:
            return f"{self.kind}:{self.rate_per_s:g}/s" + (" live" if self.live else "")
        detail = self.pause_ns if self.target_ns is None else self.target_ns
        return self.kind if detail is None else f"{self.kind}:{detail / 1e6:g}ms"


@record(frozen=True)
class LatencyBudget:
    """Limits of one model, and how it is measured.

    Attributes:
        p50_ns, p95_ns, p99_ns: most that a percentile may take, nanoseconds.
        speedup_over: a backend, and least factor by which the model is faster than there.
        regression: largest share by which the model may be slower than its baseline, and that baseline: empty for the
            reference model, or ``git:REVISION``.
        advise: print what would make the model faster.
        inconclusive: ``warn``, ``fail`` or ``skip``; None for the choice of the run.
    """

    p50_ns: float | None = None
    p95_ns: float | None = None
    p99_ns: float | None = None
    speedup_over: tuple[str, float] | None = None
    regression: tuple[float, str] | None = None
    scenario: Scenario | None = None
    threads: int | None = None
    advise: bool | None = None
    inconclusive: str | None = None
    origin: str = "default"

    def __bool__(self) -> bool:
        """Return whether some limit is set."""
        limits = (self.p50_ns, self.p95_ns, self.p99_ns, self.speedup_over, self.regression)
        return any(v is not None for v in limits)


@record(frozen=True)
class TimingPlan:
    """How to time: at least *warmup* calls, then up to *samples* calls within *seconds*, never fewer than *least*.

    With *steady*, warm-up goes on until two medians of some calls agree. With *resident*, calls whose tensors stay on
    the device are timed as well, where the session has one.
    """

    samples: int = 100
    warmup: int = 10
    seconds: float = 5.0
    least: int = 5
    steady: bool = True
    resident: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@record(frozen=True)
class Timing:
    """Raw samples of one session: wall and CPU nanoseconds per call, in the order they were taken.

    ``start_ns`` and ``end_ns`` are of the machine's monotonic clock, which its processes share; 0 where unknown.
    ``device_ns`` are wall nanoseconds of calls whose inputs and outputs stay on the device; empty where none were made.
    """

    wall_ns: tuple[int, ...]
    cpu_ns: tuple[int, ...]
    warmup: int
    first_call_ns: int
    start_ns: int = 0
    end_ns: int = 0
    device_ns: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Timing:
        values = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        return cls(
            **{
                **values,
                "wall_ns": tuple(data["wall_ns"]),
                "cpu_ns": tuple(data["cpu_ns"]),
                "device_ns": tuple(data.get("device_ns", ())),
            }
        )
