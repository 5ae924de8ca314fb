"""What every available engine makes of one sample, for blame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import GROUP, LoadOptions
from pytest_onnxaccel.checks.localise.odd_one_out import OddOneOut, odd_one_out
from pytest_onnxaccel.core import registry
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.runner.localise.isolate_node import Reduced
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide
from pytest_onnxaccel.runner.sessions.engines import Engines

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

_PLAIN = LoadOptions(optimize=False, spin=False)


def engine_vote(
    sides: tuple[ComparisonSide, ComparisonSide],
    backends: Sequence[str],
    engines: Engines,
    feeds: Mapping[str, Array],
    reduced: Reduced | None,
) -> OddOneOut | None:
    """Find the odd engine on *feeds*; None where the two sides are two files: no engine is to blame then.

    Asked are both sides, the run's other *backends*, and the sides' backends without graph optimizations. Where those
    cannot tell and the model was *reduced*, the reduced one is put before every oracle here too: what would take them
    long for a whole model takes them no time for a node.
    """
    ours, theirs = sides
    if not ours.shares_file(theirs):
        return None
    asked = _asked(ours, theirs, backends, engines)
    found = _hear(asked, feeds)
    if found.odd or reduced is None or not reduced.files[1]:
        return found
    for name in registry.names(GROUP):
        known = name in (side.backend for side in asked.values())
        if not known and engines.backend(name).role == "oracle" and engines.availability(name).ok:
            asked[name] = replace(ours, label=name, backend=name, options=None)
    alone = {label: side.at(reduced.files[0]) for label, side in asked.items()}
    again = _hear(alone, reduced.feeds[0])
    return replace(again, sentence=f"at the origin alone, {again.sentence}") if again.odd else found


def _asked(
    ours: ComparisonSide, theirs: ComparisonSide, backends: Sequence[str], engines: Engines
) -> dict[str, ComparisonSide]:
    asked = {ours.label: ours, theirs.label: theirs}
    for name in backends:
        if name not in (side.backend for side in asked.values()):
            asked[name] = replace(ours, label=name, backend=name, options=None)
    for side in (ours, theirs):
        plain = [s for s in asked.values() if s.backend == side.backend and s.options is not None]
        if getattr(engines.backend(side.backend), "optimizes", False) and not plain:
            label = f"{side.backend} unoptimized"
            asked[label] = replace(side, label=label, options=_PLAIN)
    return asked


def _hear(asked: Mapping[str, ComparisonSide], feeds: Mapping[str, Array]) -> OddOneOut:
    """Blame among those that run; an engine that does not run the model says nothing."""
    outputs = {}
    for label, side in asked.items():
        try:
            outputs[label] = side.session().run(feeds)
        except OnnxAccelError:
            continue
    return odd_one_out(outputs, {label: side.backend for label, side in asked.items()})
