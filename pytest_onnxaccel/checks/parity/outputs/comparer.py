"""What every comparison of an output is given, and what it gives: the same figures as one element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.precision import NARROW
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.compare.distances import as_floats
from pytest_onnxaccel.numerics.compare.elementwise import (
    Problem,
    default_tolerance,
    figures,
    nothing_finite,
    value_problems,
)

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

    #: An output's tolerance by its name and the reference's values.
    Limit = Callable[[str, Array], Tolerance]


#: Number of a sample whose candidate is a variant of the reference: nothing inside it can be had.
VARIANT = -1


@record(frozen=True)
class Sample:
    """The outputs of both sides for one sample.

    Attributes:
        number: of the sample.
        computed: float type of fewer digits than its own that an output is computed in, by output.
    """

    number: int
    ours: Mapping[str, Array]
    theirs: Mapping[str, Array]
    computed: Mapping[str, str] = field(default_factory=dict)

    def digits(self, name: str, scores: Array) -> str:
        """Return the type whose rounding decides which of two *scores*, on the way to output *name*, is larger."""
        own = self.computed.get(name, "")
        return own if own in NARROW and scores.dtype.kind == "f" else scores.dtype.name


class Comparer(Protocol):
    """Compares one output in its own way."""

    #: How it is called in results: ``ranked (TopK 'top')``.
    label: str
    #: The user asked for it; otherwise the graph did, which is no limit for what a quantised model loses.
    given: bool

    def problems(self, name: str, sample: Sample, stored: bool) -> list[Problem]:
        """Return breaches that make figures meaningless.

        They are as of :func:`~pytest_onnxaccel.numerics.compare.elementwise.value_problems`.

        Args:
            name: the output.
            sample: all outputs of both sides.
            stored: the reference was stored: it may hold no finite value.
        """
        ...

    def figures(self, name: str, sample: Sample, limit: Limit) -> dict[str, Any]:
        """Return what :func:`~pytest_onnxaccel.numerics.compare.elementwise.figures` gives, and ``compare``: the label.

        Further keys: ``said``, a sentence for a failure; ``note``, what qualifies a pass; ``unjudged``, nothing of the
        output could be judged.
        """
        ...

    def aligned(self, name: str, sample: Sample, limit: Limit) -> Array | None:
        """Return the candidate's output in the order of the reference's, for measuring noise; None: it has no noise."""
        ...


def plain_problems(name: str, sample: Sample, stored: bool) -> list[Problem]:
    """As element by element."""
    found = value_problems(name, sample.ours[name], sample.theirs[name])
    return found or ([] if stored else nothing_finite(name, sample.theirs[name]))


def shape_problems(name: str, sample: Sample) -> list[Problem]:
    """Return dtype, rank and shape alone."""
    return [p for p in value_problems(name, sample.ours[name], sample.theirs[name]) if p.kind not in ("nan", "inf")]


def allowed(tolerance: Tolerance, reference: Array) -> Any:
    """Return what each element of *reference* may be off by, of its shape."""
    rtol, atol = default_tolerance(reference)
    rtol = rtol if tolerance.rtol is None else tolerance.rtol
    atol = atol if tolerance.atol is None else tolerance.atol
    size = np.abs(as_floats(reference))
    return atol + rtol * np.where(np.isfinite(size), size, 0.0)


def judged(found: Mapping[str, Any], label: str, bad: float, said: str = "", note: str = "") -> dict[str, Any]:
    """Return *found*, with another share of what is bad and why: the comparison's own verdict."""
    more = {"said": said} if said else {}
    return {**found, "compare": label, "bad_share": bad, **more, **({"note": note} if note else {})}


def shown(candidate: Array, reference: Array, tolerance: Tolerance) -> dict[str, Any]:
    """Return figures element by element, which do not decide: with the tolerance that holds for them."""
    return {**figures(candidate, reference, tolerance), "needed_atol": 0.0}
