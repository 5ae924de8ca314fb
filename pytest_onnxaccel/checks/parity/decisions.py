"""Do both sides decide the same: classes by argmax, or boxes after threshold and suppression. Asked for, never implied.

What rounding may overturn is found by the noise floor (dtype, locked or measured), never by a tolerance that the
user gave: a loose tolerance for values is not a licence to decide otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.checks.parity.boxes import Found, detections
from pytest_onnxaccel.checks.parity.tolerances import Limits
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.core.specs import Decision
from pytest_onnxaccel.numerics.compare.boxes import Change, class_changes, looks_like_classes
from pytest_onnxaccel.numerics.compare.distances import as_floats

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

    Outputs = Mapping[str, Array]


@dataclass
class Decisions:
    """Collects the decisions of several samples that differ."""

    asked: Decision
    limits: Limits
    rows: int = 0
    #: (sample, output, change)
    changes: list[tuple[int, str, Change]] = field(default_factory=list)
    agreement: dict[str, float] = field(default_factory=dict)
    #: Samples with a change that is more than rounding, kept because the noise may yet be measured.
    _open: list[tuple[int, Outputs, Outputs]] = field(default_factory=list)

    def add(self, sample: int, candidate: Outputs, reference: Outputs) -> None:
        """Compare the decisions of one sample whose outputs hold the contract.

        Raises:
            ModelError: ``E_CONFIG``: the outputs are not such as the decision needs.
        """
        found, rows = self._changes(sample, candidate, reference)
        self.rows += rows
        self.changes += found
        if any(not change.in_noise for _, _, change in found):
            self._open.append((sample, candidate, reference))

    def judge_again(self) -> None:
        """Take the margins again, after the noise was measured."""
        again = {sample for sample, _, _ in self._open}
        self.changes = [item for item in self.changes if item[0] not in again]
        for sample, candidate, reference in self._open:
            self.changes += self._changes(sample, candidate, reference)[0]

    def flips(self) -> list[tuple[int, str, Change]]:
        """Return decisions that differ by more than rounding."""
        return [item for item in self.changes if not item[2].in_noise]

    def outputs(self) -> tuple[str, ...]:
        """Return the outputs whose noise matters here, as far as they are known."""
        return tuple(dict.fromkeys(name for _, name, _ in self.changes))

    def reference(self, name: str) -> Array | None:
        """Return the reference's output *name* of a sample with a change that is more than rounding."""
        return self._open[0][2][name] if self._open else None

    def figures(self) -> dict[str, Any]:
        """Return it in builtins for the report."""
        flips = self.flips()
        return {
            "kind": self.asked.kind, "decisions": self.rows, "flips": len(flips),
            "in_noise": len(self.changes) - len(flips), **self.agreement,
        }  # fmt: skip

    def message(self) -> str:
        """Return how many decisions differ, and the first of them."""
        flips = self.flips()
        word = "decision differs" if len(flips) == 1 else "decisions differ"
        return f"{len(flips)} of {self.rows} {self.asked.kind} {word}; the first: {_said(flips[0])}"

    def note(self) -> str:
        """Return the decisions that rounding alone may have overturned; empty without any."""
        near = [item for item in self.changes if item[2].in_noise]
        if not near:
            return ""
        return (
            f"{len(near)} of {self.rows} {self.asked.kind} decisions differ within the noise, such as {_said(near[0])}"
        )

    def _changes(
        self, sample: int, candidate: Outputs, reference: Outputs
    ) -> tuple[list[tuple[int, str, Change]], int]:
        if self.asked.kind == "detection":
            found = self._detections(candidate, reference)
            return [(sample, self.asked.scores, change) for change in found.changes], found.boxes
        changes, rows = [], 0
        for name in self._classified(reference):
            noise = self._noise(name, reference[name])
            changes += [(sample, name, c) for c in class_changes(candidate[name], reference[name], noise)]
            rows += reference[name].size // reference[name].shape[-1]
        return changes, rows

    def _classified(self, reference: Outputs) -> list[str]:
        if self.asked.output is not None:
            array = self._output(reference, self.asked.output)
            if array.ndim < 1 or array.shape[-1] < 2 or not array.size:
                raise _refused(f"output {self.asked.output!r} has shape {array.shape}, which holds no rows of classes")
            return [self.asked.output]
        names = [name for name, array in reference.items() if looks_like_classes(array)]
        if not names:
            raise _refused("no output looks like classes (a matrix, or rows that sum to 1)")
        return names

    def _detections(self, candidate: Outputs, reference: Outputs) -> Found:
        scores, boxes = self.asked.scores, self.asked.boxes
        sides = [(self._output(side, scores), self._output(side, boxes)) for side in (candidate, reference)]
        try:
            found = detections(
                self.asked,
                sides[0],
                sides[1],
                self._noise(scores, sides[1][0]),
                float(np.max(self._noise(boxes, sides[1][1]), initial=0.0)),
            )
        except ValueError as error:
            raise _refused(str(error)) from None
        self.agreement = {
            "min_iou": min(found.min_iou, self.agreement.get("min_iou", 1.0)),
            "max_score_gap": max(found.max_score_gap, self.agreement.get("max_score_gap", 0.0)),
        }
        return found

    def _noise(self, name: str, reference: Array) -> Any:
        rtol, atol, _ = self.limits.default(name, reference)
        return atol + rtol * np.abs(as_floats(reference))

    def _output(self, outputs: Outputs, name: str) -> Array:
        if name not in outputs:
            raise _refused(f"there is no output {name!r}; the outputs are {counted(list(outputs))}")
        return outputs[name]


def _said(item: tuple[int, str, Change]) -> str:
    sample, name, change = item
    return (
        f"{name}{list(change.index)} of sample {sample}: {change.ours}, the reference {change.theirs} "
        f"(margin {change.margin:.2g}, rounding {change.allowed:.2g})"
    )


def _refused(cause: str) -> ModelError:
    return ModelError(f"decision: {cause}", code="E_CONFIG", remedy="name the outputs, see docs/parity.md")
