"""The tolerance of each output: what the user gave, else what is locked, else rounding, widened by measured noise."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.parity.noise_floor import Noise
from pytest_onnxaccel.core.precision import NARROW
from pytest_onnxaccel.core.printing import escaped
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.compare.tolerance_floor import FACTOR, floor, is_rounding, scale_of, unit_of

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Engines compute a Sigmoid to about one unit in the last digit of 1; two of them, of inputs that are rounded too,
#: are this many apart.
_SHARES = 4.0
#: A sum cancels where what is added up is so many times as large; in sums of a thousand numbers of both signs it is
#: some thirty times.
_CANCELS = 64.0
#: Rounding of a sum in two orders, in units of what is added up.
_ADDED = 4.0


@dataclass
class Limits:
    """Complete tolerances by output.

    Args:
        given: explicit, for outputs without one of their own; always wins, each of its two numbers by itself.
        outputs: explicit, by output.
        locked: of the reviewed file, by output.
    """

    given: Tolerance
    outputs: Mapping[str, Tolerance] = field(default_factory=dict)
    locked: Mapping[str, Tolerance] = field(default_factory=dict)
    noise: Noise | None = None
    #: What the noise of a stored reference needed when it was stored, by output.
    least: Mapping[str, Tolerance] = field(default_factory=dict)
    #: Outputs that engines compute to the last digit of 1, not of each number.
    shares: Collection[str] = ()
    #: Float type of fewer digits than its own that an output is computed in, by output.
    computed: Mapping[str, str] = field(default_factory=dict)
    #: Conversions to a narrower type whose noise was measured: that is their tolerance, not rounding at their scale.
    tight: Collection[str] = ()
    #: Of outputs that are sums: scale of what is added up, and whether that is many numbers.
    summands: Mapping[str, tuple[float, bool]] = field(default_factory=dict)
    #: Largest rounding floor met so far, by output.
    floors: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __call__(self, name: str, reference: Array) -> Tolerance:
        """Return the tolerance of output *name* for a sample that gives *reference*."""
        own = self.outputs.get(name, self.given)
        if own.rtol is not None and own.atol is not None:
            return own
        rtol, atol, origin = self.default(name, reference)
        if own.rtol is None and own.atol is None:
            return Tolerance(rtol, atol, origin)
        which = "rtol" if own.rtol is None else "atol"
        return Tolerance(
            rtol if own.rtol is None else own.rtol,
            atol if own.atol is None else own.atol,
            f"{own.origin}, {which} from {origin}",
        )

    def lock(self, name: str) -> Tolerance | None:
        """Return what is locked for output *name*, which the file names as it can be shown; None where nothing is."""
        return self.locked.get(escaped(name))

    def default(self, name: str, reference: Array) -> tuple[float, float, str]:
        """Return (rtol, atol, origin) that hold where the user gave none: locked, else rounding and measured noise."""
        found = self.lock(name)
        if found is not None:
            return found.rtol or 0.0, found.atol or 0.0, found.origin
        computed = self.computed.get(name, "")
        rtol, atol = floor(reference, computed)
        unit = unit_of(reference, computed)
        if name in self.tight and unit is not None:
            atol /= unit.atol  # one rounding of the result
        if name in self.shares and unit is not None:
            atol = max(atol, _SHARES * unit.eps)
        cancels = self._cancelled(name, reference)
        atol = max(atol, cancels)
        seen = self.floors.get(name, (0.0, 0.0))
        self.floors[name] = (max(rtol, seen[0]), max(atol, seen[1]))
        measured = self.measured(name)
        known = self.least.get(name)
        if known is not None and (known.atol or 0.0) > max(atol, measured):
            return max(rtol, known.rtol or 0.0), known.atol or 0.0, known.origin
        if measured > atol and self.noise is not None:
            return rtol, measured, self.noise.origin(name)
        if unit is None:
            return rtol, atol, f"{reference.dtype.name} must be equal"
        kind = computed if computed in NARROW else reference.dtype.name
        if cancels and cancels == atol:
            return rtol, atol, f"rounding of {kind} at the scale of its summands, {self.summands[name][0]:.2g}"
        return rtol, atol, f"rounding of {kind} at the output's scale"

    def _cancelled(self, name: str, reference: Array) -> float:
        """Return what rounding of its summands leaves in an output of which little else is left; 0 where more is."""
        unit = unit_of(reference, self.computed.get(name, ""))
        if name not in self.summands or unit is None:
            return 0.0
        scale, many = self.summands[name]
        if scale < (1.0 if many else _CANCELS) * scale_of(reference):
            return 0.0
        return _ADDED * unit.eps * scale

    def measured(self, name: str) -> float:
        """Return the absolute tolerance by the measured drift; 0 before measuring."""
        return self.noise.factor(name) * self.noise.drift.get(name, 0.0) if self.noise is not None else 0.0

    def by_noise(self, name: str) -> bool:
        """Return whether the measured drift sets the absolute tolerance of output *name*."""
        floored = self.floors.get(name, (0.0, 0.0))[1]
        return self.free(name) and self.lock(name) is None and self.measured(name) > floored

    def farthest(self, name: str) -> float:
        """Return the absolute tolerance of output *name* that every variant passes, or rounding alone."""
        drift = self.noise.drift.get(name, 0.0) if self.noise is not None else 0.0
        return max(drift, self.floors.get(name, (0.0, 0.0))[1])

    def free(self, name: str) -> bool:
        """Return whether the absolute tolerance of output *name* was not given by the user."""
        return self.outputs.get(name, self.given).atol is None

    def may_help(self, name: str, needed_atol: float, reference: Array) -> bool:
        """Return whether a measured drift could cover *needed_atol*; gross faults need no measuring."""
        computed = self.computed.get(name, "")
        fits = unit_of(reference) is not None and is_rounding(needed_atol / FACTOR, reference, computed)
        return self.free(name) and fits

    def outgrown(self, name: str) -> bool:
        """Return whether the measured noise asks for more than what is locked."""
        found = self.lock(name)
        return found is not None and self.free(name) and self.measured(name) > (found.atol or 0.0)

    def note(self, name: str) -> str:
        """Return where the measured tolerance of output *name* comes from; empty where measuring changed nothing."""
        if self.noise is None or not self.by_noise(name):
            return ""
        return f"{name}: atol {self.measured(name):.2g} = {self.noise.origin(name)}"

    def proposal(self, name: str) -> dict[str, float | str] | None:
        """Return what to lock for output *name*: floor and noise; None where the user gave a tolerance."""
        own = self.outputs.get(name, self.given)
        if own.atol is not None or own.rtol is not None or name not in self.floors:
            return None
        rtol, atol = self.floors[name]
        if not rtol:
            return None
        origin = "rounding"
        if self.noise is not None:
            origin = (
                self.noise.origin(name) if self.measured(name) > atol else f"rounding, above {self.noise.origin(name)}"
            )
        return {"rtol": rtol, "atol": max(atol, self.measured(name)), "origin": origin}
