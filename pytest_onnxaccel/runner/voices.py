"""What every engine at hand makes of one sample, for blame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.blame import Blame, blame
from pytest_onnxaccel.errors import OnnxAccelError
from pytest_onnxaccel.runner.engines import Engines
from pytest_onnxaccel.runner.sides import Side

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

_PLAIN = LoadOptions(optimize=False, spin=False)


def voices(
    ours: Side, theirs: Side, backends: Sequence[str], engines: Engines, feeds: Mapping[str, Array]
) -> Blame | None:
    """Which engine is the odd one out on *feeds*; None where the two sides are two files: no engine is to blame then.

    Asked are both sides, the run's other *backends*, and the sides' backends without graph optimizations. An engine
    that does not run the model is not asked.
    """
    if not ours.shares_file(theirs):
        return None
    asked = {ours.label: ours, theirs.label: theirs}
    for name in backends:
        if name not in (side.backend for side in asked.values()):
            asked[name] = replace(ours, label=name, backend=name, options=None)
    for side in (ours, theirs):
        plain = [s for s in asked.values() if s.backend == side.backend and s.options is not None]
        if getattr(engines.backend(side.backend), "optimizes", False) and not plain:
            label = f"{side.backend} unoptimized"
            asked[label] = replace(side, label=label, options=_PLAIN)
    outputs = {}
    for label, side in asked.items():
        try:
            outputs[label] = side.session().run(feeds)
        except OnnxAccelError:
            continue
    return blame(outputs, {label: side.backend for label, side in asked.items()})
