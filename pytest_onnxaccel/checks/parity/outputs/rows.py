"""Outputs whose rows are sorted by a score: the same rows, where near ties may have swapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.checks.parity.outputs.comparer import Sample, allowed, judged, plain_problems
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.compare.elementwise import (
    Problem,
    as_floats,
    figures,
    nothing_finite,
    value_problems,
)
from pytest_onnxaccel.numerics.compare.rows import Matching, Scores, Table, match, near
from pytest_onnxaccel.numerics.compare.tolerance_floor import floor

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.parity.outputs.comparer import Limit
    from pytest_onnxaccel.checks.parity.outputs.ranked import Inner


@record(frozen=True)
class RowGroup:
    """Outputs that share their rows.

    Attributes:
        axes: by output, the axis of its rows, counted from the end.
        scores: the value that they are sorted by, an output or inside the model; empty where nobody knows.
        label: how it is called in results.
        sorted: they come in the order of their scores.
    """

    axes: dict[str, int]
    scores: str = ""
    label: str = "rows"
    sorted: bool = True


class Rows:
    """See the module. One of these serves all outputs of a group."""

    def __init__(self, group: RowGroup, inner: Inner) -> None:
        self.group, self._inner = group, inner
        self.label = group.label
        #: The sample that was matched last, within which tolerances, and how: a group's outputs ask one after the other
        self._last: tuple[Sample, tuple[Any, ...], list[Matching]] | None = None

    def problems(self, name: str, sample: Sample, stored: bool) -> list[Problem]:
        ours, theirs = sample.ours[name], sample.theirs[name]
        if self._other_count(ours, theirs, name):
            return []
        shaped = [p for p in value_problems(name, ours, theirs) if p.kind not in ("nan", "inf")]
        return shaped or ([] if stored else nothing_finite(name, theirs))

    def _other_count(self, ours: Array, theirs: Array, name: str) -> bool:
        """Both have the same shape but for the number of rows."""
        if ours.dtype != theirs.dtype or ours.ndim != theirs.ndim or ours.shape == theirs.shape:
            return False
        axis = self.group.axes[name] % max(theirs.ndim, 1)
        return ours.shape[:axis] + ours.shape[axis + 1 :] == theirs.shape[:axis] + theirs.shape[axis + 1 :]

    def figures(self, name: str, sample: Sample, limit: Limit) -> dict[str, Any]:
        ours, theirs = sample.ours[name], sample.theirs[name]
        if name not in self._present(sample):  # texts, scalars
            return {**figures(ours, theirs, limit(name, theirs)), "compare": "elementwise"}
        if ours.shape == theirs.shape and not plain_problems(name, sample, True):
            plain = figures(ours, theirs, limit(name, theirs))
            if not plain["bad_share"] and self._all_plain(sample, limit):
                return {**plain, "compare": self.label}
        lead, axes = self._layout(sample)
        matchings = self._matchings(sample, limit, lead, axes)
        a, b = (_rows(side[name], axes[name], lead) for side in (sample.ours, sample.theirs))
        kept = self._kept(a, b, matchings)
        pieces = [(a[i][m.pairs[k]], b[i][k]) for i, (m, k) in enumerate(zip(matchings, kept, strict=True))]
        first, second = (np.concatenate([piece[side] for piece in pieces]) for side in (0, 1))
        total, cut = b.shape[0] * b.shape[1], sum(len(m.cut[0]) for m in matchings)
        lost = total - cut - first.shape[0]
        extra = max(0, a.shape[0] * a.shape[1] - cut - first.shape[0])
        breaches = value_problems(name, first, second)
        found = figures(first, second, limit(name, theirs))
        swapped = sum(m.swapped for m in matchings)
        if breaches or lost or extra:
            said = f"output {name!r}: {_unmatched(lost, extra, total, a.shape[1])} ({self.label})"
            said = breaches[0].message if breaches else said
            bad = max(found["bad_share"], (lost + extra) / max(total, 1), 1 / max(total, 1))
            return {**judged(found, self.label, bad, said), "needed_atol": float("inf")}
        why = "by near-tied scores" if self.group.sorted and self.group.scores else "in an order that is open"
        told = [f"{swapped} of {total} rows stand at another place, {why}"] if swapped else []
        told += [f"{cut} of {total} rows tie with the last one that is kept and are not judged"] if cut else []
        note = f"{name}: " + "; ".join(told) if told and not found["bad_share"] else ""
        result = judged(found, self.label, found["bad_share"], note=note)
        return {**result, "unjudged": True} if cut and not first.shape[0] else result

    def aligned(self, name: str, sample: Sample, limit: Limit) -> Array | None:
        """The candidate's rows at the places of the reference's; of rows without a counterpart, the reference's own."""
        ours, theirs = sample.ours[name], sample.theirs[name]
        if ours.shape != theirs.shape:
            return None
        lead, axes = self._layout(sample)
        matchings = self._matchings(sample, limit, lead, axes)
        a, b = (_rows(side[name], axes[name], lead) for side in (sample.ours, sample.theirs))
        found = b.copy()
        for i, (one, kept) in enumerate(zip(matchings, self._kept(a, b, matchings), strict=True)):
            found[i][kept] = a[i][one.pairs[kept]]
        inner = np.moveaxis(theirs, axes[name], lead)
        back: Array = np.moveaxis(found.reshape(inner.shape), lead, axes[name])
        return back

    def _kept(self, a: Array, b: Array, matchings: Sequence[Matching]) -> list[Any]:
        """Rows of the reference that have a counterpart."""
        return [np.flatnonzero(one.pairs >= 0) for one in matchings]

    def _all_plain(self, sample: Sample, limit: Limit) -> bool:
        """Every output of the group agrees row by row as it stands."""
        return all(
            sample.ours[n].shape == sample.theirs[n].shape
            and not plain_problems(n, sample, True)
            and not figures(sample.ours[n], sample.theirs[n], limit(n, sample.theirs[n]))["bad_share"]
            for n in self._present(sample)
        )

    def _present(self, sample: Sample) -> list[str]:
        both = [name for name in self.group.axes if name in sample.ours and name in sample.theirs]
        return [name for name in both if sample.theirs[name].dtype.kind in "fViub" and sample.theirs[name].ndim]

    def _layout(self, sample: Sample) -> tuple[int, dict[str, int]]:
        """How many axes there are before the rows, and the axis of each output's rows from its beginning."""
        names = self._present(sample)
        axes = {name: self.group.axes[name] % max(sample.theirs[name].ndim, 1) for name in names}
        return min(axes.values()), axes

    def _matchings(self, sample: Sample, limit: Limit, lead: int, axes: dict[str, int]) -> list[Matching]:
        names = [
            name
            for name in axes
            if (ours := sample.ours[name]).dtype == (theirs := sample.theirs[name]).dtype
            and (ours.shape == theirs.shape or self._other_count(ours, theirs, name))
        ]
        tolerances = tuple((n, limit(n, sample.theirs[n])) for n in names)
        if self._last is not None and self._last[0] is sample and self._last[1] == tolerances:
            return self._last[2]
        parts = []
        for name in names:
            ours, theirs = sample.ours[name], sample.theirs[name]
            loose = allowed(limit(name, theirs), theirs)
            parts.append([_rows(x, axes[name], lead) for x in (as_floats(ours), as_floats(theirs), loose)])
        count, size = parts[0][1].shape[:2]
        parts = [p for p in parts if p[1].shape[:2] == (count, size) and p[0].shape[:2] == parts[0][0].shape[:2]]
        scores = self._scores(sample, limit, count, (parts[0][0].shape[1], size))
        found = [
            match([Table(p[0][i], p[1][i], p[2][i]) for p in parts], scores[i] if scores else None)
            for i in range(count)
        ]
        self._last = (sample, tolerances, found)
        return found

    def _scores(self, sample: Sample, limit: Limit, count: int, sizes: tuple[int, int]) -> list[Scores]:
        """The scores of the rows, one entry for each of *count*; nothing where they cannot be had."""
        name = self.group.scores
        if not name:
            return []
        if name in sample.ours and name in sample.theirs:
            ours, theirs = sample.ours[name], sample.theirs[name]
        else:
            mine, other = self._inner(name, sample.number)
            # Sorted scores of one side stand for both: the order is what is compared
            ours, theirs = (mine if mine is not None else other), (other if other is not None else mine)  # type: ignore[assignment]
        if ours is None or theirs is None or (ours.size, theirs.size) != (count * sizes[0], count * sizes[1]):
            return []
        a, b = as_floats(ours).reshape(count, sizes[0]), as_floats(theirs).reshape(count, sizes[1])
        rtol, atol = floor(theirs)
        found = []
        for mine_, theirs_ in zip(a, b, strict=True):
            if theirs_.size and theirs_[0] < theirs_[-1]:  # the smallest ones are kept
                mine_, theirs_ = -mine_, -theirs_
            most = 2 * float(atol + rtol * np.max(np.abs(theirs_[np.isfinite(theirs_)]), initial=0.0))
            found.append(Scores(mine_, theirs_, near(mine_, theirs_, theirs.dtype.name, most)))
        return found


def _rows(array: Any, axis: int, lead: int) -> Any:
    """*array* as samples x rows x values, whatever stands before and behind its rows."""
    moved = np.moveaxis(array, axis, lead)
    count = int(np.prod(moved.shape[:lead], dtype=np.int64))
    rest = int(np.prod(moved.shape[lead + 1 :], dtype=np.int64))
    return moved.reshape(count, moved.shape[lead], rest)


def _unmatched(lost: int, extra: int, total: int, ours: int) -> str:
    if total and ours and lost != extra:
        return f"{ours} rows, the reference {total}: {lost} are missing and {extra} are more"
    return f"{lost} of {total} rows have no counterpart"
