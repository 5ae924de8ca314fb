"""Indices of TopK, ArgMax and ArgMin: by the scores that they point at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.checks.parity.outputs.comparer import Sample, allowed, judged, shape_problems
from pytest_onnxaccel.core.comparisons import Ranking
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.compare.elementwise import Problem, as_floats, figures
from pytest_onnxaccel.numerics.compare.ranked import Pointed, as_indices, pointed
from pytest_onnxaccel.numerics.compare.rows import near
from pytest_onnxaccel.numerics.compare.tolerance_floor import floor

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.parity.outputs.comparer import Limit

    #: The candidate's and the reference's value of that name for a sample; None for what cannot be had.
    Inner = Callable[[str, int], tuple[Array | None, Array | None]]

#: Where the candidate's own scores judge, more different indices than this share are no luck of near ties.
_MOST_BY_OWN = 0.1


class Ranked:
    """See the module.

    Args:
        given: the user asked for it: indices that differ fail where no scores can be had.
    """

    def __init__(self, ranking: Ranking, inner: Inner, given: bool = False) -> None:
        self._ranking, self._inner, self._given = ranking, inner, given
        self.label = f"ranked ({ranking.operator} {ranking.node!r})" if ranking.node else "ranked"

    def problems(self, name: str, sample: Sample, stored: bool) -> list[Problem]:
        return shape_problems(name, sample)

    def aligned(self, name: str, sample: Sample, limit: Limit) -> Array | None:
        return None

    def figures(self, name: str, sample: Sample, limit: Limit) -> dict[str, Any]:
        ours, theirs = sample.ours[name], sample.theirs[name]
        found = {**figures(ours, theirs, Tolerance(0.0, 0.0, self.label)), "needed_atol": 0.0}
        found["tolerance_from"] = "scores that tie"
        if not theirs.size or np.array_equal(ours, theirs):
            return judged(found, self.label, 0.0)
        scores, own = self._scores(sample)
        if scores is None:
            if self._given and self._ranking.scores:
                raise ModelError(
                    f"ranked: the scores {self._ranking.scores!r} of output {name!r} cannot be had", code="E_CONFIG",
                    remedy="name an output or a value of the graph: {kind = \"ranked\", scores = \"NAME\"}",
                )  # fmt: skip
            said = f"output {name!r}: indices differ, and the scores that they point into cannot be had"
            return judged(found, self.label, float(found["bad_share"]), said)
        other = self._pair(sample)[0]
        both = other if other is not None and other.shape == scores.shape and not own else None
        axis = self._ranking.axis % scores.ndim if scores.ndim else 0
        a, b = (as_indices(one, scores.shape, axis) for one in (ours, theirs))
        if a is None or b is None:
            said = f"output {name!r} holds no indices into scores of shape {list(scores.shape)}"
            return judged(found, self.label, 1.0, said)
        pairs = pointed(a, b, scores, axis, self._ties(scores, both, limit), self._ranking.sorted)
        wrong = pairs.bad | self._against_values(sample, scores, pairs, limit)
        return self._told(name, found, pairs, wrong, (theirs.shape, own))

    def _pair(self, sample: Sample) -> tuple[Array | None, Array | None]:
        name = self._ranking.scores
        if name in sample.theirs and name in sample.ours:
            return sample.ours[name], sample.theirs[name]
        return self._inner(name, sample.number) if name else (None, None)

    def _scores(self, sample: Sample) -> tuple[Array | None, bool]:
        """The scores to judge by, and whether they are the candidate's own."""
        ours, theirs = self._pair(sample)
        return (theirs, False) if theirs is not None else (ours, True)

    def _ties(self, scores: Array, ours: Array | None, limit: Limit) -> Any:
        """What two equally good scores may differ by: twice what one may be off by, and what both sides show."""
        name = self._ranking.values or self._ranking.scores
        rtol, atol = floor(scores)
        loose = 2 * allowed(Tolerance(rtol, atol, "floor"), scores)
        if ours is None:
            return loose
        known = limit(name, scores) if self._ranking.values else Tolerance(rtol, atol, "floor")
        most = float(np.max(2 * allowed(known, scores), initial=0.0))
        seen = near(as_floats(ours).reshape(-1), as_floats(scores).reshape(-1), scores.dtype.name, most)
        # Where the scores move more than rounding needs, their own comparison says so; here it widens what is a tie
        return np.full(scores.shape, seen) if seen < float(np.max(loose, initial=0.0)) else np.maximum(loose, seen)

    def _against_values(self, sample: Sample, scores: Array, pairs: Pointed, limit: Limit) -> Any:
        """Indices that do not point at the score that the candidate gives beside them."""
        name = self._ranking.values
        if not name or name not in sample.ours or sample.ours[name].size != pairs.ours.size:
            return np.zeros(pairs.bad.shape, bool)
        given = as_floats(sample.ours[name]).reshape(pairs.ours.shape)
        loose = allowed(limit(name, sample.theirs[name]), sample.theirs[name]).reshape(pairs.ours.shape)
        loose = np.maximum(loose, allowed(Tolerance(*floor(scores), "floor"), sample.theirs[name]).reshape(given.shape))
        with np.errstate(all="ignore"):
            wrong: Any = ~((np.abs(given - pairs.ours) <= loose) | (given == pairs.ours))
        return wrong

    def _told(
        self, name: str, found: dict[str, Any], pairs: Pointed, wrong: Any, how: tuple[tuple[int, ...], bool]
    ) -> dict[str, Any]:
        """The figures; *how*: the output's shape, and whether the candidate's own scores judge."""
        shape, own = how
        count, bad = wrong.size, int(np.count_nonzero(wrong))
        if bad:
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            place = np.unravel_index(int(np.flatnonzero(wrong)[0]), shape)
            said = (
                f"output {name!r}: {bad} of {count} indices point at another score; at {[int(i) for i in place]} "
                f"{pairs.ours[at]:.7g}, the reference's {pairs.theirs[at]:.7g}"
            )
            return judged(found, self.label, bad / count, said + (f" ({pairs.why})" if pairs.why else ""))
        note = f"{name}: {pairs.differ} of {count} indices differ and point at scores that tie" + (
            ", by the candidate's own scores" if own else ""
        )
        if own and pairs.differ > max(1, _MOST_BY_OWN * count):
            return {**judged(found, self.label, 0.0, note=note), "unjudged": True, "max_abs": 0.0}
        return {**judged(found, self.label, 0.0, note=note), "max_abs": 0.0}
