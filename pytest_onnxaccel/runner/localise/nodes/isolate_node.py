"""The test of a suspect: its nodes alone, fed what the reference computes there, in both sides' backends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.localise.first_difference import Suspect
from pytest_onnxaccel.checks.precision.casting import cast
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import dtype_label
from pytest_onnxaccel.numerics.compare.distance import Gap, gap_across
from pytest_onnxaccel.runner.localise.nodes.exposed_model import ExposedModel
from pytest_onnxaccel.runner.localise.nodes.intermediates import Intermediates, alike
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide, derived

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: So many suspects are tried; each costs two small sessions.
TRIES = 6

#: Alone, a suspect must show at least this share of the gap that it shows in the model.
_SHOWN = 0.05


@record(frozen=True)
class Reduced:
    """A part of both models that shows the difference by itself.

    Attributes:
        files: of candidate and reference; the second is empty where the candidate has a node too many.
        feeds: by value, for each side.
        outputs: one array of each side.
        gap: between them.
    """

    suspect: Suspect
    files: tuple[str, str]
    feeds: tuple[Mapping[str, Array], Mapping[str, Array]]
    outputs: tuple[Array, Array]
    gap: Gap


def origin(found: Intermediates) -> tuple[Suspect | None, Reduced | None]:
    """Return the first suspect that shows the difference alone, or else the first one and nothing.

    A suspect that agrees when both sides are fed the same has only passed on what came in: it is cleared, and the
    next one is looked for behind it; after a few of them the limits are raised past what they showed.
    """
    first: Suspect | None = None
    cleared: set[str] = set()
    scale = 1.0
    for attempt in range(TRIES):
        suspect = next(found.beside.suspects(scale, cleared), None)
        if suspect is None:
            break
        first = first or suspect
        reduced = _alone(found, suspect)
        if reduced is not None:
            return suspect, reduced
        if suspect.value in cleared | set(found.beside.wrong):
            break
        cleared.add(suspect.value)
        if attempt % 2:
            scale *= 4
    return first, None


def _alone(found: Intermediates, suspect: Suspect) -> Reduced | None:
    """Return *suspect* by itself; None where it shows nothing there, or cannot be run alone."""
    ours, theirs = found.ours.side, found.theirs.side
    files: list[tuple[ComparisonSide, str]] = []
    try:
        known = found.reference([found.beside.pairs.get(name, name) for name in suspect.reads])
        mine = {name: _as(known[found.beside.pairs.get(name, name)], found, name) for name in suspect.reads}
        others = found.reference(suspect.their_reads)
        if found.beside.narrow:
            mine, others = _typed(found.ours, mine), _typed(found.theirs, others)
        files.append((ours, _extract(found.ours, mine, suspect.value)))
        left = _run(*files[0], mine, suspect.value)
        if suspect.theirs:
            files.append((theirs, _extract(found.theirs, others, suspect.counterpart)))
            right = _run(*files[1], others, suspect.counterpart)
        else:
            right = found.reference([suspect.counterpart])[suspect.counterpart]
        shown = gap_across(alike(left, right) if found.beside.narrow else left, right)
        if shown.share > suspect.limit and shown.share >= _SHOWN * min(suspect.gap.share, 1e30):
            paths = [path for _, path in files]
            return Reduced(
                suspect, (paths[0], paths[1] if suspect.theirs else ""), (mine, others), (left, right), shown
            )
    except (OnnxAccelError, KeyError):
        found.unrun.add(suspect.value)  # what cannot be run alone is not confirmed
    for side, path in files:
        side.model_session.forget(path)
    return None


def _as(array: Array, found: Intermediates, name: str) -> Array:
    """Return *array* in the float type that the candidate has there."""
    wanted = found.beside.ours.dtype(name) or (found.feeds[name].dtype.name if name in found.feeds else "")
    other = wanted != array.dtype.name and wanted in ("float16", "float32", "float64") and array.dtype.kind == "f"
    return array.astype(wanted) if other else array


def _typed(model: ExposedModel, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Return *feeds* in the float types that *model* has them in."""
    side = model.side
    declared = {spec.name: spec.dtype for spec in side.model_session.declared(side.file).inputs}
    found = {}
    for name, array in feeds.items():
        dtype = model.graph_view.dtype(name) or declared.get(name, "")
        floats = array.dtype.kind in "fV" and dtype in ("float16", "bfloat16", "float32", "float64")
        found[name] = cast(array, dtype) if floats and dtype_label(array.dtype) != dtype else array
    return found


def _extract(model: ExposedModel, feeds: Mapping[str, Array], value: str) -> str:
    side, known = model.side, {value: model.graph_view.values[value]}
    target = derived(side.model_session, "extract")
    declared = {name: [dtype_label(array.dtype), list(array.shape)] for name, array in feeds.items()}
    side.model_session.graph("extract", source=side.file, target=target, feeds=declared, values=[value], known=known)
    return target


def _run(side: ComparisonSide, path: str, feeds: Mapping[str, Array], value: str) -> Array:
    return side.at(path).session().run(feeds)[value]


@contextmanager
def swept(sides: Sequence[ComparisonSide], reduced: Reduced | None) -> Iterator[None]:
    """Remove the files of *reduced* at the end."""
    try:
        yield
    finally:
        for side, path in zip(sides, reduced.files if reduced else (), strict=False):
            if path:
                side.model_session.forget(path)
