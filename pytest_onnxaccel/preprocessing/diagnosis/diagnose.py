"""Names the kind of a difference, by evidence: a kind is given when the fault it names explains what is seen."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis import integers, values
from pytest_onnxaccel.preprocessing.diagnosis.evidence import Evidence, Finding
from pytest_onnxaccel.preprocessing.diagnosis.geometry import at_odd_sizes, spatial
from pytest_onnxaccel.preprocessing.guarded_call import Failure, Pair, call
from pytest_onnxaccel.preprocessing.report import in_memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def diagnose(pair: Pair, failure: Failure) -> Finding:
    """Return the kind of *failure* and a sentence that says it."""
    sides = [side for side in (failure.reference, failure.candidate) if side is not None]
    if any(side.dtype.kind not in "iufb" for side in sides):
        return _unexplained(failure)
    # the evidence takes logarithms of nothing and ratios of zeros where that explains nothing
    with np.errstate(all="ignore"):
        return _STAGES[failure.stage](Evidence(pair, failure))


def _unexplained(failure: Failure) -> Finding:
    """Return a finding for element types that cannot be calculated with: the check that failed says it."""
    kinds = {"raises": "raises", "mutation": "input-mutation", "aliasing": "output-aliasing", "values": "other"}
    kinds |= {"determinism": "nondeterministic"}
    left, right = failure.reference, failure.candidate
    shown = [f"{_dims(side)} {side.dtype}" if side is not None else "an exception" for side in (left, right)]
    kind = kinds.get(failure.stage, failure.stage)
    return kind, failure.note or f"{failure.stage} differ: the candidate gives {shown[1]}, the reference {shown[0]}"


def _raises(evidence: Evidence) -> Finding:
    failure = evidence.failure
    where = ""
    if evidence.passes(np.array(failure.image, order="C")):
        where = "; it takes the C-contiguous, writable copy of the same image"
    elif evidence.domain.sizes is None and evidence.domain.legal(*failure.image.shape[:2]):
        where = f"; if images of {_size(failure.image)} never come, name the legal sizes with shapes="
    return "raises", f"{failure.note}{where}"


def _mutation(evidence: Evidence) -> Finding:
    return "input-mutation", "the candidate writes into the image that it is given"


def _aliasing(evidence: Evidence) -> Finding:
    return "output-aliasing", "the result of the first call changes when the candidate is called again: copy the buffer"


def _determinism(evidence: Evidence) -> Finding:
    note = evidence.failure.note
    if note == "the reference":
        return "nondeterministic", "the reference gives two results for one image, so nothing can be compared with it"
    more = f" ({note})" if note else ""
    return "nondeterministic", f"the candidate gives two results for one image{more}"


def _shape(evidence: Evidence) -> Finding:
    left, right = evidence.failure.reference, evidence.failure.candidate
    assert left is not None
    assert right is not None
    sizes = f"the candidate gives {_dims(right)}, the reference {_dims(left)}"
    return (
        only_strided(evidence)
        or transposed(evidence)
        or at_odd_sizes(evidence, sizes)
        or ("shape", sizes + (": same values" if _same_values(evidence) else ""))
    )


def _dtype(evidence: Evidence) -> Finding:
    left, right = evidence.failure.reference, evidence.failure.candidate
    assert left is not None
    assert right is not None
    sizes = f"the candidate gives {right.dtype.name}, the reference {left.dtype.name}"
    if left.dtype.newbyteorder("=") == right.dtype.newbyteorder("="):
        return "dtype", f"another byte order: the candidate gives {right.dtype.str}, the reference {left.dtype.str}"
    return (
        only_strided(evidence)
        or integers.wrapped_type(evidence)
        or integers.truncated_type(evidence)
        or ("dtype", sizes)
    )


def _layout(evidence: Evidence) -> Finding:
    right = evidence.failure.candidate
    assert right is not None
    asked = evidence.failure.note
    return "layout", f"the result of shape {_dims(right)} has strides {right.strides}; asked for: {asked}"


def _values(evidence: Evidence) -> Finding:
    steps: tuple[Callable[[Evidence], Finding | None], ...] = (
        only_strided,
        values.precise,
        values.swapped,
        transposed,
        values.stats_swapped,
        integers.wrapped,
        integers.truncated,
        values.odd,
        values.ranged,
        values.scaled,
        at_odd_sizes,
        spatial,
        values.clipped,
    )
    for step in steps:
        finding = step(evidence)
        if finding is not None:
            return finding
    return "other", "the values differ in a way that no known fault explains"


_STAGES: dict[str, Callable[[Evidence], Finding]] = {
    "raises": _raises,
    "mutation": _mutation,
    "aliasing": _aliasing,
    "determinism": _determinism,
    "shape": _shape,
    "dtype": _dtype,
    "layout": _layout,
    "values": _values,
}


def only_strided(evidence: Evidence) -> Finding | None:
    """Find a result that is right for the contiguous copy of the failing image."""
    image = evidence.failure.image
    plain = np.array(image, order="C")
    if (image.flags.c_contiguous and image.flags.writeable) or not evidence.passes(plain):
        return None
    side = "candidate"
    mine, again = call(evidence.pair.reference, image).value, call(evidence.pair.reference, plain).value
    if mine is not None and again is not None and not evidence.close(mine, again):
        side = "reference"
    shown = f"wrong for an image that is {' and '.join(in_memory(image))}, right for its C-contiguous copy"
    return "input-strides", f"the {side} ignores how its input is laid out in memory: {shown}"


def transposed(evidence: Evidence) -> Finding | None:
    """Find the reference's values with axes in another order, or read in another order."""
    for trial in evidence.trials:
        if sorted(trial.reference.shape) != sorted(trial.candidate.shape):
            return None
    if not evidence.trials:
        return None
    left, right = evidence.trials[-1].reference, evidence.trials[-1].candidate
    for order in permutations(range(left.ndim)):
        if left.transpose(order).shape != right.shape:
            continue
        if evidence.explains(lambda trial, order=order: _turn(trial.reference, order)):  # type: ignore[misc]
            return _turned(evidence, left, right, order)
        for flips in _flips(right.shape):
            if evidence.explains(lambda t, o=order, f=flips: _turn(t.reference, o, f)):  # type: ignore[misc]
                return "axis-order", f"flipped: the candidate's result runs backwards along axis {_words(flips)}"
    for order in permutations(range(left.ndim)):
        if evidence.explains(lambda t, o=order: _reread(t.reference, t.candidate, o)):  # type: ignore[misc]
            return "axis-order", "the result is reshaped where they should be transposed: right values, wrong places"
    return None


def _turned(evidence: Evidence, left: Array, right: Array, order: tuple[int, ...]) -> Finding:
    axis = evidence.axis(left)
    if axis is not None and order[left.ndim + axis] != left.ndim + axis:
        return (
            "layout",
            f"channels are in another place: the candidate gives {_dims(right)}, the reference {_dims(left)}",
        )
    return "axis-order", f"the axes are in another order: the candidate's is the reference's transposed to {order}"


def _turn(array: Array, order: tuple[int, ...], flips: tuple[int, ...] = ()) -> Array | None:
    return np.flip(array.transpose(order), flips) if array.ndim == len(order) else None


def _flips(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the axes that may run backwards: each, and each two."""
    axes = [axis for axis, size in enumerate(shape) if size > 1]
    return [*((axis,) for axis in axes), *combinations(axes, 2)]


def _words(axes: tuple[int, ...]) -> str:
    return " and ".join(str(axis) for axis in axes)


def _reread(left: Array, right: Array, order: tuple[int, ...]) -> Array | None:
    if left.ndim != len(order) or left.size != right.size:
        return None
    return np.ascontiguousarray(left.transpose(order)).reshape(right.shape)


def _same_values(evidence: Evidence) -> bool:
    return all(
        t.reference.size == t.candidate.size and evidence.close(t.reference.reshape(-1), t.candidate.reshape(-1))
        for t in evidence.trials
    )


def _dims(array: Array) -> str:
    return "x".join(str(n) for n in array.shape) or "a scalar"


def _size(image: Array) -> str:
    return f"{image.shape[0]}x{image.shape[1]}"
