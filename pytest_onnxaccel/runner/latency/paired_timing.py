"""Two ways to run a model timed against each other, with a control, each in sessions of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.advice.speedup import Gain
from pytest_onnxaccel.checks.latency.paired_ratio import Arm, Ratio, compare

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.checked_session import CheckedSession
    from pytest_onnxaccel.backends.protocol import Array

#: Opens a session that nothing else uses.
Opens = Callable[[], "CheckedSession"]
#: With what it is fed.
TimedSide = tuple[Opens, Mapping[str, "Array"]]

#: Pairs at which a trial is looked at, and those of the advice as a whole.
TRIAL, WHOLE = (20, 40), (20, 40, 80)
#: Seconds of one duel.
SECONDS = 4.0


def paired_timing(
    first: TimedSide, second: TimedSide, looks: tuple[int, ...] = TRIAL, seconds: float = SECONDS
) -> Gain:
    """Return how many times as fast *second* is as *first*.

    Raises:
        OnnxAccelError: a session cannot be opened, or fails.
    """
    return gain(measured(first, second, looks, seconds))


def measured(
    first: TimedSide,
    second: TimedSide,
    looks: tuple[int, ...] = TRIAL,
    seconds: float = SECONDS,
    against: float | None = 1.0,
) -> Ratio:
    """Time as :func:`paired_timing` and return all figures; *against* None takes all looks in *seconds*."""
    with ExitStack() as opened:
        arms = [
            Arm(label, opened.enter_context(closing(opens())), feeds)
            for label, (opens, feeds) in (("first", first), ("second", second), ("twin", second))
        ]
        return compare(arms[0], arms[1], arms[2], against=against, looks=looks, seconds=seconds)


def gain(found: Ratio) -> Gain:
    """Return what *found* says of a gain."""
    control = 1.0 if found.control is None else max(found.control.ratio, 1 / found.control.ratio)
    return Gain(found.ratio, found.low, found.high, control)
