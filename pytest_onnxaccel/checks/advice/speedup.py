"""A gain in speed with its interval, when it may be claimed, and what became of one trial."""

from __future__ import annotations

from dataclasses import asdict, replace
from enum import Enum
from typing import Any

from pytest_onnxaccel.core.frozen import record

#: What a gain must come to at least: smaller ones cannot be told from where two sessions happen to lie in memory.
LEAST = 1.03


class Outcome(str, Enum):
    """What became of one trial."""

    HELPS = "helps"
    NO_GAIN = "no gain"
    UNDECIDED = "undecided"
    REFUSED = "refused"
    NOT_APPLICABLE = "not applicable"

    def __str__(self) -> str:
        return self.value


@record(frozen=True)
class Gain:
    """How many times as fast as the other side, with the bounds of its interval.

    Attributes:
        control: the factor that the same run showed between two sessions of one model, 1 or more: the machine's own.
    """

    ratio: float
    low: float
    high: float
    control: float = 1.0

    @property
    def real(self) -> bool:
        """Large enough to matter, and the whole interval is above what the machine shows where there is no gain."""
        return self.low > max(1.0, self.control) and self.ratio >= LEAST

    @property
    def outcome(self) -> Outcome:
        """What a trial with this gain comes to."""
        if self.real:
            return Outcome.HELPS
        return Outcome.UNDECIDED if self.control > LEAST and self.high > 1 else Outcome.NO_GAIN

    def times(self, factor: float) -> Gain:
        """Return it with every figure multiplied by *factor*."""
        return replace(self, ratio=self.ratio * factor, low=self.low * factor, high=self.high * factor)

    def __str__(self) -> str:
        return f"{self.ratio:.2f} times as fast ({self.low:.2f} to {self.high:.2f})"


@record(frozen=True)
class Finding:
    """What became of a trial.

    Attributes:
        gain: over the model as shipped; None where nothing was timed.
        why: the reason of a refusal or of not applying.
        max_abs: largest absolute difference from the model as shipped, over all samples and outputs.
    """

    kind: str
    title: str
    outcome: Outcome
    gain: Gain | None = None
    why: str = ""
    max_abs: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "outcome": self.outcome.value}

    def line(self) -> str:
        """Return a line such as ``I/O binding: no gain: 1.00 times as fast (0.98 to 1.02)``."""
        if self.gain is None:
            return f"{self.title}: {self.outcome}: {self.why}"
        if self.outcome is Outcome.UNDECIDED:
            told = f"{self.gain.control:.2f} between equal sessions"
            return f"{self.title}: undecided: {self.gain}, on a machine that shows {told}"
        return f"{self.title}: {'' if self.outcome is Outcome.HELPS else f'{self.outcome}: '}{self.gain}"
