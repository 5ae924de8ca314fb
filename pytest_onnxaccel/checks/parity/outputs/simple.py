"""Comparisons that need nothing but the output: steps, decisions, one number for all, a function, shapes alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.checks.parity.outputs.comparer import (
    Sample,
    allowed,
    judged,
    plain_problems,
    shape_problems,
    shown,
)
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.compare.aggregates import aggregate
from pytest_onnxaccel.numerics.compare.boxes import class_changes
from pytest_onnxaccel.numerics.compare.distances import as_floats
from pytest_onnxaccel.numerics.compare.elementwise import Problem, figures

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.parity.outputs.comparer import Limit

#: Past this share of elements that are a step apart, it is no rounding: half of them would be, if the number before the
#: rounding moved by half a step.
MOST_STEPPED = 0.5
#: A share of fewer elements is luck.
_FEW = 8


class _Plain:
    """What most of them have in common."""

    label = ""
    given = True

    def problems(self, name: str, sample: Sample, stored: bool) -> list[Problem]:
        return plain_problems(name, sample, stored)

    def aligned(self, name: str, sample: Sample, limit: Limit) -> Array | None:
        return sample.ours[name]


class Steps(_Plain):
    """Whole numbers behind a rounding: one step apart where the rounding was close.

    Args:
        most: largest difference that passes.
        limited: the user gave *most*, so that any share of elements may be as far apart.
        given: the user asked for it.
    """

    def __init__(self, label: str, most: float = 1.0, limited: bool = False, given: bool = True) -> None:
        self.label, self._most, self._limited, self.given = label, most, limited, given

    def figures(self, name: str, sample: Sample, limit: Limit) -> dict[str, Any]:
        ours, theirs = sample.ours[name], sample.theirs[name]
        own = limit(name, theirs)
        if not theirs.dtype.name.startswith(("int", "uint")):  # int4 and the like are types of ml_dtypes
            raise ModelError(
                f"steps: output {name!r} is {theirs.dtype}, not of whole numbers",
                code="E_CONFIG",
                remedy="compare it element by element",
            )
        if (own.atol or 0.0) > self._most:
            return {**figures(ours, theirs, own), "compare": self.label}
        found = figures(ours, theirs, Tolerance(0.0, self._most, self.label))
        found |= {"needed_atol": 0.0, "tolerance_from": self.label}
        count = int(np.count_nonzero(as_floats(ours) != as_floats(theirs)))
        apart = count / max(theirs.size, 1)
        note = f"{name}: {count} of {theirs.size} elements a step apart" if count and not found["bad_share"] else ""
        if not self._limited and not found["bad_share"] and apart > MOST_STEPPED and theirs.size >= _FEW:
            said = (
                f"output {name!r}: {apart:.0%} of the elements are a step apart ({self.label}), which is not rounding: "
                "a scale, zero point or bias differs"
            )
            return judged(found, self.label, apart, said)
        return judged(found, self.label, found["bad_share"], note=note)


class Winner(_Plain):
    """The largest element along the last axis is the same."""

    label = "decision"

    def figures(self, name: str, sample: Sample, limit: Limit) -> dict[str, Any]:
        ours, theirs = sample.ours[name], sample.theirs[name]
        if theirs.ndim < 1 or theirs.shape[-1] < 2 or theirs.dtype.kind not in "fViu":
            raise ModelError(
                f"decision: output {name!r} has shape {theirs.shape}, which holds no rows of classes",
                code="E_CONFIG",
                remedy="compare it element by element",
            )
        found = shown(ours, theirs, limit(name, theirs))
        if not theirs.size:
            return judged(found, self.label, 0.0)
        changes = class_changes(ours, theirs, allowed(limit(name, theirs), theirs))
        wrong = [change for change in changes if not change.in_noise]
        rows = theirs.size // theirs.shape[-1]
        found["needed_atol"] = max((one.margin - one.allowed for one in wrong), default=0.0)
        note = f"{name}: {len(changes) - len(wrong)} of {rows} decisions differ within the noise"
        said = ""
        if wrong:
            one = wrong[0]
            said = (
                f"output {name!r}: {len(wrong)} of {rows} decisions differ; the first: row {list(one.index)}: "
                f"{one.ours}, the reference {one.theirs} (margin {one.margin:.2g}, rounding {one.allowed:.2g})"
            )
        return judged(found, self.label, len(wrong) / rows, said, note if len(changes) > len(wrong) else "")


class Aggregate(_Plain):
    """One number for the output, at least a limit that the user gives.

    Args:
        kind: ``cosine``, ``psnr`` or ``sqnr``.
    """

    def __init__(self, kind: str, least: float) -> None:
        self._kind, self._least = kind, least
        self.label = f"{kind}:{least:g}"

    def figures(self, name: str, sample: Sample, limit: Limit) -> dict[str, Any]:
        ours, theirs = sample.ours[name], sample.theirs[name]
        if theirs.dtype.kind not in "fVciub":
            raise ModelError(f"{self._kind}: output {name!r} is {theirs.dtype}, not of numbers", code="E_CONFIG")
        found = shown(ours, theirs, limit(name, theirs))
        value = aggregate(self._kind, ours, theirs)
        unit = "" if self._kind == "cosine" else " dB"
        said = f"output {name!r}: {self._kind} {value:.6g}{unit} is below {self._least:g}{unit}"
        bad = not value >= self._least
        return {**_alone(judged(found, self.label, float(bad), said if bad else "")), self._kind: value}


class Called(_Plain):
    """A function of the user's decides.

    Args:
        run: called with both arrays; whether they agree, and why not.
    """

    def __init__(self, name: str, run: Callable[[Array, Array], tuple[bool, str]]) -> None:
        self.label, self._run = name, run
        self._known: dict[tuple[int, str], tuple[bool, str]] = {}

    def problems(self, name: str, sample: Sample, stored: bool) -> list[Problem]:
        return []  # the function sees both as they are: what it forgives, nobody else judges

    def figures(self, name: str, sample: Sample, limit: Limit) -> dict[str, Any]:
        ours, theirs = sample.ours[name], sample.theirs[name]
        key = (sample.number, name)
        if key not in self._known:
            self._known[key] = self._run(ours, theirs)
        good, why = self._known[key]
        found: dict[str, Any] = {"max_abs": 0.0, "needed_atol": 0.0, "elements": int(theirs.size)}
        if ours.shape == theirs.shape and ours.dtype == theirs.dtype:
            found = shown(ours, theirs, limit(name, theirs))
        said = f"output {name!r}: {self.label} says that it differs" + (f": {why}" if why else "")
        return _alone(judged(found, self.label, float(not good), "" if good else said))


def _alone(found: dict[str, Any]) -> dict[str, Any]:
    """Return *found*, to which no tolerance matters and no measured noise helps."""
    return {**found, "tolerance_from": found["compare"], "needed_atol": math.inf if found["bad_share"] else 0.0}


class ShapesAlone(_Plain):
    """Numbers that are drawn: dtype and shape are compared, values cannot be."""

    label = "dtype and shape alone (allow_random)"

    def problems(self, name: str, sample: Sample, stored: bool) -> list[Problem]:
        return shape_problems(name, sample)

    def figures(self, name: str, sample: Sample, limit: Limit) -> dict[str, Any]:
        theirs = sample.theirs[name]
        size = {"elements": int(theirs.size)}
        if theirs.dtype.kind in "fV" and theirs.size:
            values = as_floats(theirs)
            size["finite"] = int(np.isfinite(values).sum())
        return _alone(judged({**size, "max_abs": 0.0}, self.label, 0.0))

    def aligned(self, name: str, sample: Sample, limit: Limit) -> Array | None:
        return None
