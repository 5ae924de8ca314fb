"""What arithmetic says of a part of a model: the judge of engines that differ."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.localise.ruling import Truth
from pytest_onnxaccel.core.errors import OnnxAccelError, printable
from pytest_onnxaccel.runner.localise.nodes.isolate_node import Reduced
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide, derived

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: The backend that computes operators by their definition, where a file asks it to.
JUDGE = "reference"

#: A whole model past so many bytes is not computed in float64.
_WHOLE = 64 << 20

#: Operators whose results are rounded to steps.
_STEPS = ("QuantizeLinear", "DynamicQuantizeLinear", "QLinear")


def at_origin(side: ComparisonSide, reduced: Reduced) -> Truth | str:
    """Return what the origin alone must give on what both sides were fed; or why nothing here can say."""
    nodes = reduced.suspect.nodes
    where = f"{nodes[-1].op} {nodes[-1].name or nodes[-1].outputs[0]!r} alone"
    rounded = nodes[-1].op.startswith(_STEPS)
    return _truth(side, reduced.files[0], reduced.feeds[0], where, rounded)


def of_all(side: ComparisonSide, feeds: Mapping[str, Array]) -> Truth | str:
    """Return what the whole model must give on *feeds*; or why nothing here can say."""
    if os.path.getsize(side.file) > _WHOLE:
        return "the model is too large to be computed in float64 as a whole"
    return _truth(side, side.file, feeds, "the whole model", False)


def _truth(side: ComparisonSide, path: str, feeds: Mapping[str, Array], where: str, rounded: bool) -> Truth | str:
    model_session = side.model_session
    target = derived(model_session, "arithmetic")
    try:
        told = model_session.graph("arithmetic", source=path, target=target)
        if told["unknown"]:
            names = ", ".join(told["unknown"][:3])
            return f"{printable(names, 120)} cannot be computed by definition here"
        wide = {name: _wide(array) for name, array in feeds.items()}
        outputs = model_session.session(JUDGE, target).run(wide)
    except OnnxAccelError as error:
        return f"it cannot be computed by definition here ({printable(error.cause, 100)})"
    finally:
        model_session.forget(target)
    if told["nodes"] > 1 and not rounded and any(array.dtype.kind == "f" for array in feeds.values()):
        # Of numbers that are nearly equal each rounding takes another one: no fault of whoever took it
        outputs = {name: array for name, array in outputs.items() if array.dtype.kind not in "biu"}
        if not outputs:
            return "it gives integers that hang on how floats are rounded before them"
    whole = all(array.dtype.kind in "biu" for array in outputs.values())
    return Truth(outputs, "exact integers" if whole else "float64", where, rounded)


def _wide(array: Array) -> Array:
    """Return floats as float64, which loses nothing."""
    narrow = array.dtype.kind == "f" or array.dtype.name == "bfloat16"
    return array.astype("float64") if narrow else array
