"""How two stops of a conversion are compared: as the gate compares them, within the noise that both show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.checks.parity.measuring import worth_measuring
from pytest_onnxaccel.checks.parity.noise_floor import Variants, measure
from pytest_onnxaccel.checks.parity.outputs.comparer import Comparer
from pytest_onnxaccel.checks.parity.tolerances import Limits
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import Tolerance

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


@record(frozen=True)
class Noisy:
    """One side whose noise can be measured.

    Attributes:
        name: of the side, as results have it.
        variants: opens the same, legally computed otherwise.
    """

    name: str
    session: Session
    variants: Variants


class Pair:
    """Compares the outputs of two stops, sample by sample, and keeps the worst of each output.

    Args:
        sides: names of the candidate and the reference.
        tolerance: the user's, for outputs without one of their own; wins over measured noise.
        outputs: the user's, by output.
        compared: what compares an output otherwise than element by element.
        noise: sides to measure where rounding alone does not explain a difference, the cheapest first.
    """

    def __init__(
        self,
        sides: tuple[str, str],
        tolerance: Tolerance,
        outputs: Mapping[str, Tolerance] | None = None,
        compared: Mapping[str, Comparer] | None = None,
        noise: Sequence[Noisy] = (),
    ) -> None:
        self._limits = Limits(tolerance, outputs or {})
        self._noise = noise
        self.agreement = Agreement(
            sides, tolerance, outputs or {}, limit=self._limits, stored=True, comparers=compared or {}
        )

    def add(self, ours: Mapping[str, Array], theirs: Mapping[str, Array], feeds: Mapping[str, Array]) -> None:
        """Compare one sample's outputs; *feeds* are what both were fed."""
        self.agreement.add(ours, theirs)
        for side in self._noise:
            if self.agreement.problems or not worth_measuring(self.agreement, self._limits, None):
                return
            found = measure(side.name, side.session, side.variants, [feeds])
            self._limits.noise = found if self._limits.noise is None else self._limits.noise.joined(found)
            self.agreement.judge_again()
