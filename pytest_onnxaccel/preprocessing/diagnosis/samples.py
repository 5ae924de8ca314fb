"""Kinds of differences on samples other than arrays, such as texts and files, by their two results alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis.evidence import Finding
from pytest_onnxaccel.preprocessing.diagnosis.values import line
from pytest_onnxaccel.preprocessing.guarded_call import Failure
from pytest_onnxaccel.preprocessing.results.leaves import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: What the stage of a failure is called.
KIND_OF = {
    "raises": "raises", "mutation": "input-mutation", "aliasing": "output-aliasing", "values": "other",
    "determinism": "nondeterministic", "shape": "shape", "dtype": "dtype", "layout": "layout",
}  # fmt: skip


def unexplained(failure: Failure) -> Finding:
    """Return a finding where no experiment can be made: what the check that failed says, and figures."""
    for kind in ("orientation", "decoder"):
        if failure.note.startswith(f"{kind}: "):
            words = failure.note[len(kind) + 2 :]
            return kind, f"equal on the standard images, different on {words}{figures(failure)}"
    if failure.stage == "values":
        return _values(failure)
    if failure.note and failure.stage in ("raises", "shape"):
        return KIND_OF[failure.stage], failure.note
    left, right = failure.reference, failure.candidate
    if failure.stage == "mutation":
        return "input-mutation", "the candidate writes into the sample that it is given"
    if failure.stage == "aliasing":
        return "output-aliasing", "the result of the first call changes when the candidate is called again"
    if failure.stage == "determinism":
        side = "reference" if failure.note == "the reference" else "candidate"
        return "nondeterministic", f"the {side} gives two results for one sample"
    told = [shown(side) if side is not None else "nothing" for side in (right, left)]
    return KIND_OF[failure.stage], f"the candidate gives {told[0]}, the reference {told[1]}"


def _values(failure: Failure) -> Finding:
    left, right = failure.reference, failure.candidate
    if left is None or right is None or any(side.dtype.kind not in "iuf" for side in (left, right)):
        return "other", f"the values differ: the candidate gives {_text(right)}, the reference {_text(left)}"
    if left.dtype.kind == "f" and left.size >= 8:
        # one sample alone: results that saturate, as of a softmax, are nearly a straight line of each other
        found = line(left.reshape(-1).astype(np.float64), right.reshape(-1).astype(np.float64), 1e-3)
        if found is not None:
            return found
        if failure.share <= 1e-5:
            return "precision", f"small errors, up to {failure.size:.3g}"
    return "other", f"the values differ{figures(failure)}"


def figures(failure: Failure) -> str:
    """Return how many values differ and by how much, to go on a sentence with."""
    left, right = failure.reference, failure.candidate
    if left is None or right is None:
        return ""
    if left.shape != right.shape:
        return f": the candidate gives {shown(right)}, the reference {shown(left)}"
    count = int(np.count_nonzero(left != right))
    return f": {count} of {left.size} values, by up to {failure.size:.4g}" if failure.size else ""


def _text(side: Array | None) -> str:
    return "nothing" if side is None else str(side.tolist())[:60]
