"""Outputs whose rows are sorted by a score: the same rows, where near ties may have swapped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.checks.parity.outputs.comparer import VARIANT, Sample, allowed, judged, plain_problems
from pytest_onnxaccel.checks.parity.outputs.suppressed import open_choices
from pytest_onnxaccel.core.comparisons import Suppression
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.compare.distances import as_floats
from pytest_onnxaccel.numerics.compare.elementwise import Problem, figures, nothing_finite, value_problems
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
        given: the user says that they are rows.
        suppression: of the NonMaxSuppression that chose them.
    """

    axes: dict[str, int]
    scores: str = ""
    label: str = "rows"
    sorted: bool = True
    given: bool = False
    suppression: Suppression | None = None


class Rows:
    """See the module. One of these serves all outputs of a group."""

    def __init__(self, group: RowGroup, inner: Inner) -> None:
        self.group, self._inner = group, inner
        self.label, self.given = group.label, group.given
        #: The sample that was matched last, within which tolerances, and how: a group's outputs ask one after the other
        self._last: tuple[Sample, tuple[Any, ...], _Matched] | None = None
        #: How many samples the scores of a sample are of, once they are known
        self._count: int | None = None

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
        match = self._matched(name, sample, limit)
        a, b = match.rows(name, ours), match.rows(name, theirs)
        pieces = [(a[i][one.pairs[k]], b[i][k]) for i, (one, k) in enumerate(zip(match.found, match.kept, strict=True))]
        if not pieces:  # no sample at all
            return {**figures(ours, theirs, limit(name, theirs)), "compare": self.label}
        first, second = (np.concatenate([piece[side] for piece in pieces]) for side in (0, 1))
        total, cut = b.shape[0] * b.shape[1], sum(len(one.cut[0]) for one in match.found)
        lost = total - cut - first.shape[0]
        extra = max(0, a.shape[0] * a.shape[1] - sum(len(one.cut[1]) for one in match.found) - first.shape[0])
        breaches = value_problems(name, first, second)
        found = figures(first, second, limit(name, theirs))
        if breaches or lost or extra:
            said = f"output {name!r}: {_unmatched(lost, extra, total, a.shape[0] * a.shape[1])} ({self.label})"
            said = breaches[0].message if breaches else said
            bad = max(found["bad_share"], (lost + extra) / max(total, 1), 1 / max(total, 1))
            return {**judged(found, self.label, bad, said), "needed_atol": float("inf")}
        told = max(cut, sum(len(one.cut[1]) for one in match.found))
        result = judged(found, self.label, found["bad_share"], note=self._note(name, match.found, total, told, found))
        return {**result, "unjudged": True} if cut and not first.shape[0] else result

    def _note(self, name: str, found: Sequence[Matching], total: int, cut: int, figures: Mapping[str, Any]) -> str:
        """Return what a pass rests on."""
        swapped = sum(one.swapped for one in found)
        why = "by near-tied scores" if self.group.sorted and self.group.scores else "in an order that is open"
        told = [f"{swapped} of {total} rows stand at another place, {why}"] if swapped else []
        why = "hang on boxes or scores" if self.group.suppression else "tie with the last one"
        why += " that nearly tie" if self.group.suppression else " that is kept"
        told += [f"{cut} of {total} rows {why} and are not judged"] if cut else []
        return f"{name}: " + "; ".join(told) if told and not figures["bad_share"] else ""

    def aligned(self, name: str, sample: Sample, limit: Limit) -> Array | None:
        """Return the candidate's rows at the places of the reference's.

        Of rows without a counterpart there are the reference's own.
        """
        ours, theirs = sample.ours[name], sample.theirs[name]
        if ours.shape != theirs.shape or name not in self._present(sample):
            return ours if ours.shape == theirs.shape else None
        match = self._matched(name, sample, limit)
        a, found = match.rows(name, ours), match.rows(name, theirs).copy()
        for i, (one, kept) in enumerate(zip(match.found, match.kept, strict=True)):
            found[i][kept] = a[i][one.pairs[kept]]
        axis, lead = match.places[name]
        back: Array = np.moveaxis(found.reshape(np.moveaxis(theirs, axis, lead).shape), lead, axis)
        return back

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

    def _matched(self, name: str, sample: Sample, limit: Limit) -> _Matched:
        """Return the rows of output *name*, matched together with those of every output that has as many."""
        names = [one for one in self._present(sample) if self._comparable(sample.ours[one], sample.theirs[one], one)]
        tolerances = tuple((one, limit(one, sample.theirs[one])) for one in names)
        last = self._last
        if last is not None and last[0] is sample and last[1] == tolerances and name in last[2].places:
            return last[2]
        ours, theirs = self._sorted_by(sample)
        if theirs is not None:
            self._count = theirs.size // max(theirs.shape[-1], 1) if theirs.ndim else 1
        layout = _Matched([], self._places(sample, names))
        parts: dict[str, tuple[Any, Any, Any]] = {}
        for one in names:
            loose = allowed(limit(one, sample.theirs[one]), sample.theirs[one])
            sides = as_floats(sample.ours[one]), as_floats(sample.theirs[one]), loose
            a, b, c = (layout.rows(one, side) for side in sides)
            parts[one] = (a, b, c)
        sizes = {one: (a.shape[:2], b.shape[:2]) for one, (a, b, _) in parts.items()}
        alike = [one for one in names if sizes[one] == sizes[name]]
        (count, mine), size = sizes[name][0], sizes[name][1][1]
        loose = float(np.max(parts[self.group.scores][2], initial=0.0)) if self.group.scores in parts else 0.0
        digits = sample.digits(name, theirs) if theirs is not None else ""
        scores = _scores(ours, theirs, count, (mine, size), digits, loose)
        tables = [[Table(*(side[i] for side in parts[one])) for one in alike] for i in range(count)]
        found = [match(tables[i], scores[i] if scores else None) for i in range(count)]
        known = self.group.suppression
        if known is not None and count == 1 and sample.number != VARIANT and not found[0].complete:
            found = [match(tables[0], scores[0] if scores else None, spare=open_choices(known, sample, self._inner))]
        matched = _Matched(found, {one: layout.places[one] for one in alike})
        self._last = (sample, tolerances, matched)
        return matched

    def _comparable(self, ours: Array, theirs: Array, name: str) -> bool:
        return ours.dtype == theirs.dtype and (ours.shape == theirs.shape or self._other_count(ours, theirs, name))

    def _places(self, sample: Sample, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """By output, the axis of its rows, and how many of its other axes are those of the samples of a batch."""
        axes = {name: self.group.axes[name] % sample.theirs[name].ndim for name in names}
        if self._count is None:  # nobody knows how many samples the scores are of
            return {name: (axis, min(axes.values())) for name, axis in axes.items()}
        found = {}
        for name, axis in axes.items():
            others = [size for place, size in enumerate(sample.theirs[name].shape) if place != axis]
            sizes = [int(np.prod(others[:lead], dtype=np.int64)) for lead in range(len(others) + 1)]
            found[name] = (axis, sizes.index(self._count) if self._count in sizes else min(axes.values()))
        return found

    def _sorted_by(self, sample: Sample) -> tuple[Array | None, Array | None]:
        """Return what the rows of both sides are sorted by; None where that is not available."""
        name = self.group.scores
        if not name:
            return None, None
        if name in sample.ours and name in sample.theirs:
            return sample.ours[name], sample.theirs[name]
        mine, other = self._inner(name, sample.number)
        # Sorted scores of one side stand for both: the order is what is compared
        return (mine if mine is not None else other), (other if other is not None else mine)


class _Matched:
    """Which rows of one sample are which.

    Attributes:
        found: of each sample of the batch.
        places: by output, the axis of its rows, and how many axes the batch has.
    """

    def __init__(self, found: list[Matching], places: dict[str, tuple[int, int]]) -> None:
        self.found, self.places = found, places

    def rows(self, name: str, array: Any) -> Any:
        """Return an output as samples x rows x values."""
        return _rows(array, *self.places[name])

    @property
    def kept(self) -> list[Any]:
        """Rows of the reference that have a counterpart."""
        return [np.flatnonzero(one.pairs >= 0) for one in self.found]


def _scores(
    ours: Array | None, theirs: Array | None, count: int, sizes: tuple[int, int], digits: str, loose: float = 0.0
) -> list[Scores]:
    """Return the scores of the rows, one entry for each of *count*; nothing where they are not available."""
    if ours is None or theirs is None or (ours.size, theirs.size) != (count * sizes[0], count * sizes[1]):
        return []
    a, b = as_floats(ours).reshape(count, sizes[0]), as_floats(theirs).reshape(count, sizes[1])
    rtol, atol = floor(theirs, digits)
    found = []
    for first, second in zip(a, b, strict=True):
        sign = -1 if second.size and second[0] < second[-1] else 1  # the smallest ones are kept
        mine, other = sign * first, sign * second
        most = 2 * float(atol + rtol * np.max(np.abs(other[np.isfinite(other)]), initial=0.0))
        found.append(Scores(mine, other, near(mine, other, digits, most), loose))
    return found


def _rows(array: Any, axis: int, lead: int) -> Any:
    """Return *array* as samples x rows x values, whatever stands before and behind its rows."""
    moved = np.moveaxis(array, axis, lead)
    count = int(np.prod(moved.shape[:lead], dtype=np.int64))
    rest = int(np.prod(moved.shape[lead + 1 :], dtype=np.int64))
    return moved.reshape(count, moved.shape[lead], rest)


def _unmatched(lost: int, extra: int, total: int, ours: int) -> str:
    if lost != extra:
        return f"{ours} rows, the reference {total}: {lost} are missing and {extra} are more"
    return f"{lost} of {total} rows have no counterpart"
