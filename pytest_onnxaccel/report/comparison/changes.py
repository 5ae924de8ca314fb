"""What is different between two runs: one record per change, each with whether it counts as worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import Json


@record(frozen=True)
class Change:
    """One difference.

    Attributes:
        kind: ``vanished``, ``not judged``, ``verdict``, ``error``, ``ratio``, ``hygiene``, ``coverage``,
            ``tolerance`` or ``new``.
        worse: it is a reason to fail.
        what: the check, as a report names it.
        text: one line: what was, and what is.
    """

    kind: str
    worse: bool
    what: str
    text: str

    def to_json(self) -> dict[str, Json]:
        return {"kind": self.kind, "worse": self.worse, "what": self.what, "text": self.text}


@record(frozen=True)
class Comparison:
    """Two runs compared.

    Attributes:
        baseline: name of the older report.
        started: when that run was, as it says itself.
        changes: worse ones first.
        checks: how many checks both runs have.
        left_out: checks of the baseline that this run did not select.
    """

    baseline: str
    started: str = ""
    changes: Sequence[Change] = field(default_factory=tuple)
    checks: int = 0
    left_out: int = 0

    @property
    def worse(self) -> tuple[Change, ...]:
        """Changes that are a reason to fail."""
        return tuple(change for change in self.changes if change.worse)

    def lines(self) -> list[str]:
        """Return it for a terminal: the sum of it, then a line per change, worse ones first."""
        when = f" of {self.started}" if self.started else ""
        told = f"{len(self.worse)} grew worse" if self.worse else "nothing grew worse"
        lines = [f"compared with {self.baseline}{when}: {self.checks} checks in both, {told}"]
        lines += [f"{'worse' if change.worse else 'also'}: {change.text}" for change in self.changes]
        if self.left_out:
            plural = "" if self.left_out == 1 else "s"
            lines.append(f"also: {self.left_out} check{plural} of the baseline not selected in this run")
        return lines

    def to_json(self) -> dict[str, Json]:
        return {
            "baseline": self.baseline,
            "started": self.started,
            "checks": self.checks,
            "left_out": self.left_out,
            "worse": len(self.worse),
            "changes": [change.to_json() for change in self.changes],
        }
