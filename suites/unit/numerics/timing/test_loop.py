"""The timing loop: how many calls are made and which of them count."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from pytest_onnxaccel.core.specs import TimingPlan
from pytest_onnxaccel.numerics.timing.loop import measure


def counted(work: Callable[[], object] = lambda: None) -> tuple[Callable[[], None], list[int]]:
    calls = [0]

    def call() -> None:
        calls[0] += 1
        work()

    return call, calls


def test_warm_up_and_samples_are_counted_apart() -> None:
    call, calls = counted()
    taken = measure(call, TimingPlan(samples=20, warmup=5, seconds=60, steady=False))
    assert (len(taken.wall_ns), len(taken.cpu_ns), taken.warmup) == (20, 20, 5)
    assert calls == [25]
    assert taken.first_call_ns > 0
    assert min(taken.wall_ns) >= 0


def test_without_time_the_least_number_of_samples_is_taken_all_the_same() -> None:
    call, calls = counted()
    taken = measure(call, TimingPlan(samples=100, warmup=10, seconds=0, least=7))
    assert (len(taken.wall_ns), taken.warmup) == (7, 1)
    assert calls == [8]


def test_a_sample_is_as_long_as_the_call_and_sleeping_costs_no_cpu() -> None:
    call, _ = counted(lambda: time.sleep(0.02))
    taken = measure(call, TimingPlan(samples=3, warmup=1, seconds=60))
    assert min(taken.wall_ns) >= 20e6
    assert min(taken.cpu_ns) < 15e6


def test_an_error_of_the_call_comes_out() -> None:
    call, _ = counted(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        measure(call, TimingPlan())
