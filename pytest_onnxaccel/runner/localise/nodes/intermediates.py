"""Lays the insides of two sides side by side: chunk by chunk, on one sample, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.localise.first_difference import Beside
from pytest_onnxaccel.checks.localise.graph_view import GraphView
from pytest_onnxaccel.checks.localise.value_matching import by_content, by_name, by_structure, unfolded
from pytest_onnxaccel.core import progress
from pytest_onnxaccel.core.specs import dtype_label
from pytest_onnxaccel.numerics.compare.digest import Digest
from pytest_onnxaccel.numerics.compare.distance import Gap, floor, gap, gap_across
from pytest_onnxaccel.numerics.compare.perturb import perturb
from pytest_onnxaccel.numerics.unpacked import holder
from pytest_onnxaccel.runner.localise.nodes.exposed_model import ExposedModel
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Bytes of intermediates that one chunk may hold, both sides together.
CAP = 256 << 20

_DTYPES = ("float64", "float32", "float16", "bfloat16")


@dataclass
class Intermediates:
    """What was seen inside.

    Attributes:
        kept: arrays by side and value, where all of them fit into the cap; empty otherwise.
        outputs: of both sides, in the run with values exposed.
        unrun: values of the candidate that could not be computed alone.
    """

    beside: Beside
    ours: ExposedModel
    theirs: ExposedModel
    feeds: Mapping[str, Array]
    chunks: int = 0
    largest: int = 0
    kept: tuple[dict[str, Array], dict[str, Array]] = field(default_factory=lambda: ({}, {}))
    outputs: tuple[dict[str, Array], dict[str, Array]] = field(default_factory=lambda: ({}, {}))
    unrun: set[str] = field(default_factory=set)

    def reference(self, values: Sequence[str]) -> dict[str, Array]:
        """Return what the reference computes for *values*, inputs among them."""
        known = {**self.feeds, **self.kept[1]}
        missing = [name for name in values if name not in known]
        if missing:
            known |= self.theirs.run(missing, self.feeds)[0]
        return {name: known[name] for name in values if name in known}


def intermediates(
    ours: ComparisonSide,
    theirs: ComparisonSide,
    feeds: Mapping[str, Array],
    wrong: Sequence[str],
    cap: int = CAP,
    narrow: str = "",
) -> Intermediates:
    """Compare what two sides compute inside, on *feeds*.

    Args:
        ours: the candidate.
        theirs: the reference.
        feeds: one sample, arrays by input name.
        wrong: outputs that failed.
        cap: bytes of intermediates that are held at a time.
        narrow: float type that one side is a conversion to: then floats of two types are compared after a cast.

    Raises:
        OnnxAccelError: a side cannot be run.
    """
    shapes = {name: list(array.shape) for name, array in feeds.items()}
    mine = _wiring(ours, shapes)
    other = mine if ours.shares_file(theirs) else _wiring(theirs, shapes)
    pairs = by_name(mine, other)
    found = Intermediates(Beside(mine, other, pairs, {}), ExposedModel(ours, mine), ExposedModel(theirs, other), feeds)
    norms = [sum(node.op == "BatchNormalization" for node in side.nodes) for side in (mine, other)]
    unpaired = any(name not in pairs for name in mine.exposable) or norms[0] != norms[1]
    # The steps of a narrow type are its rounding, which its floor counts already
    moved, keep = perturb(_widened(feeds) if narrow else feeds), True
    gaps: dict[str, Gap] = {}
    noise: dict[str, float] = {}
    digests: tuple[dict[str, Digest], dict[str, Digest]] = ({}, {})
    for first, second in chunks(mine, other, pairs, cap):
        (a,) = found.ours.run(first, feeds)
        b, again = found.theirs.run(second, feeds, moved)
        if narrow:
            a = {name: alike(array, b.get(pairs.get(name, ""))) for name, array in a.items()}
        found.chunks += 1
        progress.tell(f"looking inside, chunk {found.chunks}")
        found.largest = max(found.largest, sum(x.nbytes for side in (a, b, again) for x in side.values()))
        found.outputs = (_of(mine.outputs, a), _of(other.outputs, b))
        gaps |= {
            name: gap_across(a[name], b[pairs[name]]) for name in a if pairs.get(name) in b and name in mine.makers
        }
        noise |= {name: gap(again[name], b[name]).share for name in b}
        for side, arrays, kept in ((0, a, found.kept[0]), (1, b, found.kept[1])):
            if unpaired:
                digests[side].update((name, Digest.of(array)) for name, array in arrays.items())
            if keep:
                kept.update(arrays)
        if keep and sum(x.nbytes for side in found.kept for x in side.values()) > cap:
            keep = False
            found.kept = ({}, {})
    if unpaired:
        more = by_content(digests[0], digests[1], pairs, {name: 4 * floor(name) for name in _DTYPES})
        pairs = pairs | more
        pairs |= by_structure(mine, other, pairs)
        for name in set(pairs) & set(digests[0]) - set(gaps):
            if pairs[name] in digests[1]:
                gaps[name] = _gap(found, digests, name, pairs[name])
        apart = {name for name, one in gaps.items() if one.share > 4 * floor(mine.dtype(name))}
        moved_on = unfolded(mine, other, pairs, apart)
        if moved_on != pairs:
            gaps = {name: one for name, one in gaps.items() if moved_on.get(name) == pairs[name]}
            pairs = moved_on
            for name in set(pairs) & set(digests[0]) - set(gaps):
                if pairs[name] in digests[1]:
                    gaps[name] = _gap(found, digests, name, pairs[name])
    # One that is not finite says nothing of the reference's noise
    noise = {name: share for name, share in noise.items() if isfinite(share)}
    failed = tuple(dict.fromkeys(holder(w, mine.outputs) for w in wrong))
    found.beside = Beside(mine, other, pairs, gaps, noise, failed, narrow)
    return found


def _widened(feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Return *feeds* with their floats of fewer digits in float32."""
    return {
        name: array.astype("float32") if dtype_label(array.dtype) in ("float16", "bfloat16") else array
        for name, array in feeds.items()
    }


def alike(array: Array, other: Array | None) -> Array:
    """Return *array* in the type of *other*, where both are floats of different types."""
    if other is None or array.dtype == other.dtype or not {array.dtype.kind, other.dtype.kind} <= {"f", "V"}:
        return array
    found: Array = array.astype(other.dtype)
    return found


def _of(outputs: Sequence[str], arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return those of *arrays* that are outputs, or parts of one."""
    return {name: array for name, array in arrays.items() if holder(name, outputs) in outputs}


def _gap(found: Intermediates, digests: tuple[dict[str, Digest], dict[str, Digest]], name: str, other: str) -> Gap:
    if name in found.kept[0] and other in found.kept[1]:
        return gap_across(found.kept[0][name], found.kept[1][other])
    share = digests[0][name].apart(digests[1][other])
    return Gap(share, share * digests[1][other].scale)


def _wiring(side: ComparisonSide, shapes: Mapping[str, list[int]]) -> GraphView:
    return GraphView.from_json(side.model_session.graph("anatomy", path=side.file, shapes=shapes))


def chunks(
    ours: GraphView, theirs: GraphView, pairs: Mapping[str, str], cap: int
) -> Iterator[tuple[list[str], list[str]]]:
    """Yield chunks of values of both sides, in the candidate's order, paired ones in one chunk.

    The reference's values count twice, because they are held twice. A value of unknown size counts as much as the
    largest of known size; where none is known, as an eighth of the cap.
    """
    sizes = [
        size
        for graph_view in (ours, theirs)
        for name in graph_view.makers
        if (size := graph_view.size(name)) is not None
    ]
    unknown = max(sizes, default=cap // 8)
    rows: list[tuple[str | None, str | None]] = [(name, pairs.get(name)) for name in ours.exposable]
    counterparts = {pairs[name] for name in ours.exposable if name in pairs}
    rows += [(None, name) for name in theirs.exposable if name not in counterparts]
    chunk: tuple[list[str], list[str]] = ([], [])
    filled, given = 0, False
    for mine, other in rows:
        if other is not None and other not in theirs.exposable:
            other = None  # an output of the reference, which every run gives
        size = sum(
            times * (unknown if (known := graph_view.size(name)) is None else known)
            for times, graph_view, name in ((1, ours, mine), (2, theirs, other))
            if name is not None
        )
        if filled and filled + size > cap:
            yield chunk
            chunk, filled, given = ([], []), 0, True
        filled += size
        if mine is not None:
            chunk[0].append(mine)
        if other is not None:
            chunk[1].append(other)
    if filled or not given:
        yield chunk
