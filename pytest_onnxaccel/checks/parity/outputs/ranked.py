"""Indices of TopK, ArgMax and ArgMin: by the scores that they point at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.checks.parity.outputs.comparer import VARIANT, Sample, allowed, judged, shape_problems
from pytest_onnxaccel.core.comparisons import Ranking
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.compare.distances import as_floats
from pytest_onnxaccel.numerics.compare.elementwise import Problem, figures
from pytest_onnxaccel.numerics.compare.ranked import Pointed, as_indices, of_labels, pointed
from pytest_onnxaccel.numerics.compare.rows import near
from pytest_onnxaccel.numerics.compare.tolerance_floor import floor

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.parity.outputs.comparer import Limit

    #: The candidate's and the reference's value of that name for a sample; None for what cannot be had.
    Inner = Callable[[str, int], tuple[Array | None, Array | None]]

#: Where the scores of one side alone are known, more indices than this share are no luck of near ties.
_MOST_UNSURE = 0.1
#: Most scores that are made up of what stands beside the indices.
_MOST_SCORES = 1 << 24


class Ranked:
    """See the module.

    Args:
        given: the user asked for it: indices that differ fail where no scores can be had.
    """

    def __init__(self, ranking: Ranking, inner: Inner, given: bool = False) -> None:
        self._ranking, self._inner, self.given = ranking, inner, given
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
        scores, own = self._scores(name, sample)
        if scores is None:
            if self.given and self._ranking.scores:
                raise ModelError(
                    f"ranked: the scores {self._ranking.scores!r} of output {name!r} are unavailable",
                    code="E_CONFIG",
                    remedy='name an output or a value of the graph: {kind = "ranked", scores = "NAME"}',
                )
            said = f"output {name!r}: indices differ, and the scores that they point into are not available"
            return judged(found, self.label, float(found["bad_share"]), said)
        other = self._pair(sample)[0]
        both = other if other is not None and other.shape == scores.shape and not own else None
        axis = self._ranking.axis % scores.ndim if scores.ndim else 0
        labels = self._ranking.labels
        if labels and scores.ndim and len(labels) == scores.shape[axis]:
            ours, theirs = of_labels(ours, labels), of_labels(theirs, labels)
        elif labels:  # one score for two classes: nobody knows what it ties with
            return judged(found, self.label, float(found["bad_share"]))
        a, b = (as_indices(one, scores.shape, axis) for one in (ours, theirs))
        if a is None or b is None:
            said = f"output {name!r} holds no indices into scores of shape {list(scores.shape)}"
            return judged(found, self.label, 1.0, said)
        pairs = pointed(
            a, b, scores, axis, self._ties(scores, both, limit, sample.digits(name, scores)), self._ranking.sorted
        )
        wrong = pairs.bad | self._against_values(sample, pairs, limit, sample.digits(name, scores))
        near_ties = int(
            np.count_nonzero((pairs.ours != pairs.theirs) & ~(np.isnan(pairs.ours) & np.isnan(pairs.theirs)))
        )
        unsure = pairs.differ if own else near_ties if both is None else 0
        return self._told(name, found, pairs, wrong, (theirs.shape, own, unsure > max(1, _MOST_UNSURE * a.size)))

    def _pair(self, sample: Sample) -> tuple[Array | None, Array | None]:
        name = self._ranking.scores
        if name in sample.theirs and name in sample.ours:
            return sample.ours[name], sample.theirs[name]
        return self._inner(name, sample.number) if name else (None, None)

    def _scores(self, name: str, sample: Sample) -> tuple[Array | None, bool]:
        """Return the scores to judge by, and whether they are the candidate's own."""
        ours, theirs = self._pair(sample)
        if theirs is None:
            theirs = self._from_values(name, sample)
        return (theirs, False) if theirs is not None else (ours, True)

    def _from_values(self, output: str, sample: Sample) -> Array | None:
        """Return scores by what the reference gives with its indices; those left out tie with its last one."""
        name = self._ranking.values
        if not name or name not in sample.theirs or not self._ranking.several or sample.number == VARIANT:
            return None
        values = sample.theirs[name]
        axis = self._ranking.axis % max(values.ndim, 1)
        indices = as_indices(sample.theirs[output], values.shape, axis)
        other = as_indices(sample.ours[output], values.shape, axis)
        if indices is None or other is None or not indices.size or min(indices.min(), other.min()) < 0:
            return None
        size = int(max(indices.max(), other.max())) + 1
        if size * (values.size // values.shape[axis]) > _MOST_SCORES:
            return None
        ends = np.take(values, [0, -1], axis)
        smallest = bool((as_floats(ends).take(0, axis) < as_floats(ends).take(1, axis)).any())
        last = (np.max if smallest else np.min)(values, axis=axis, keepdims=True)
        shape = list(values.shape)
        shape[axis] = size
        found: Array = np.broadcast_to(last, shape).copy()
        np.put_along_axis(found, indices, values, axis)
        return found

    def _ties(self, scores: Array, ours: Array | None, limit: Limit, digits: str) -> Any:
        """Return what two equally good scores may differ by: twice what one may be off by, and what both sides show.

        Args:
            scores: of the reference.
            ours: of the candidate, where they are available.
            limit: of the output that holds the scores of the indices.
            digits: type whose rounding decides.
        """
        name = self._ranking.values or self._ranking.scores
        rtol, atol = floor(scores, digits)
        loose = 2 * allowed(Tolerance(rtol, atol, "floor"), scores)
        if ours is None:
            return loose
        known = limit(name, scores) if self._ranking.values else Tolerance(rtol, atol, "floor")
        most = float(np.max(2 * allowed(known, scores), initial=0.0))
        seen = near(as_floats(ours).reshape(-1), as_floats(scores).reshape(-1), digits, most)
        # Where the scores move more than rounding needs, their own comparison says so; here it widens what is a tie
        return np.full(scores.shape, seen) if seen < float(np.max(loose, initial=0.0)) else np.maximum(loose, seen)

    def _against_values(self, sample: Sample, pairs: Pointed, limit: Limit, digits: str) -> Any:
        """Return indices that do not point at the score that the candidate gives with them."""
        name = self._ranking.values
        if not name or name not in sample.ours or sample.ours[name].size != pairs.ours.size:
            return np.zeros(pairs.bad.shape, bool)
        given = as_floats(sample.ours[name]).reshape(pairs.ours.shape)
        loose = allowed(limit(name, sample.theirs[name]), sample.theirs[name]).reshape(pairs.ours.shape)
        values = sample.theirs[name]
        rounding = Tolerance(*floor(values, digits), "floor")
        loose = np.maximum(loose, allowed(rounding, values).reshape(given.shape))
        with np.errstate(all="ignore"):
            wrong: Any = ~((np.abs(given - pairs.ours) <= loose) | (given == pairs.ours))
        return wrong

    def _told(
        self, name: str, found: dict[str, Any], pairs: Pointed, wrong: Any, how: tuple[tuple[int, ...], bool, bool]
    ) -> dict[str, Any]:
        """Return the figures.

        Args:
            name: the output.
            found: the figures element by element.
            pairs: the scores that both sides point at.
            wrong: which indices are wrong, in the shape of the scores.
            how: the output's shape, whether the candidate's own scores judge, and whether they cannot decide.
        """
        shape, own, unsure = how
        what = "labels" if self._ranking.labels else "indices"
        count, bad = wrong.size, int(np.count_nonzero(wrong))
        if bad:
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            place = np.unravel_index(int(np.flatnonzero(wrong)[0]), shape)
            said = (
                f"output {name!r}: {bad} of {count} {what} point at another score; the first at "
                f"{[int(i) for i in place]}: a score of {pairs.ours[at]:.7g}, the reference's {pairs.theirs[at]:.7g}"
            )
            return judged(found, self.label, bad / count, said + (f" ({pairs.why})" if pairs.why else ""))
        note = f"{name}: {pairs.differ} of {count} {what} differ and point at scores that tie"
        if own:
            note += ", by the candidate's own scores" + (": make them an output to decide" if unsure else "")
        if unsure:
            return {**judged(found, self.label, 0.0, note=note), "unjudged": True, "max_abs": 0.0}
        return {**judged(found, self.label, 0.0, note=note), "max_abs": 0.0}
