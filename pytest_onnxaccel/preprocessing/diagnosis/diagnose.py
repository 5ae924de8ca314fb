"""Names the kind of a difference, by evidence: a kind is given when the fault it names explains what is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis import (
    colours,
    image_statistics,
    integers,
    placement,
    resampling,
    values,
)
from pytest_onnxaccel.preprocessing.diagnosis.evidence import Evidence, Finding, Trial
from pytest_onnxaccel.preprocessing.diagnosis.geometry import at_odd_sizes, at_the_border
from pytest_onnxaccel.preprocessing.diagnosis.samples import figures, unexplained
from pytest_onnxaccel.preprocessing.differences import differences, magnitude
from pytest_onnxaccel.preprocessing.guarded_call import Failure, Pair, call
from pytest_onnxaccel.preprocessing.inputs import ADAPTERS
from pytest_onnxaccel.preprocessing.report import in_memory
from pytest_onnxaccel.preprocessing.search.found import Found

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def diagnose(pair: Pair, failure: Failure, smallest: Failure, found: Sequence[Found]) -> Finding:
    """Return the kind of *failure* and a sentence that says it.

    Args:
        pair: both functions, of whose results the part that differs counts.
        failure: the failure that is told.
        smallest: the same on the smallest image that was found.
        found: all failures of the search.
    """
    sides = [side for side in (failure.reference, failure.candidate) if side is not None]
    other = any(side.dtype.kind not in "iufb" for side in sides)
    if other or not isinstance(failure.image, np.ndarray) or not pair.domain.height or pair.unordered:
        return unexplained(failure)
    if failure.stage == "shape" and (failure.reference is None or failure.candidate is None):
        return unexplained(failure)
    # the evidence takes logarithms of nothing and ratios of zeros where that explains nothing
    with np.errstate(all="ignore"):
        evidence = Evidence(pair, failure, smallest)
        return _STAGES[failure.stage](evidence) or _other(evidence, found)


def _other(evidence: Evidence, found: Sequence[Found]) -> Finding:
    """Return what is known of values that no fault explains: how often, how much, and where."""
    ones = [one for one in found if one.failure.stage == "values"]
    worst = max(ones, key=lambda one: one.failure.share, default=None)
    if worst is None or worst.failure.reference is None:
        return "other", "the values differ in a way that no known fault explains"
    told = figures(worst.failure).removeprefix(": ")
    more = f"{len(ones)} images differ, most on {worst.words}" if len(ones) > 1 else f"found on {worst.words}"
    size = f"; images of {'x'.join(map(str, evidence.own_size))} differ, small ones do not" if evidence.own_size else ""
    return "other", f"no known fault explains it: {more} ({told}){size}"


def _raises(evidence: Evidence) -> Finding:
    failure = evidence.failure
    where = ""
    if evidence.passes(np.array(failure.image, order="C")):
        where = "; it takes the C-contiguous, writable copy of the same image"
    elif evidence.domain.sizes is None and evidence.domain.picture and evidence.domain.legal(*failure.image.shape[:2]):
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
    sizes = evidence.failure.note or f"the candidate gives {_dims(right)}, the reference {_dims(left)}"
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
        or integers.zero_point(evidence)
        or integers.truncated_type(evidence)
        or ("dtype", sizes + _values_too(left, right))
    )


def _values_too(left: Array, right: Array) -> str:
    """Return in words whether the values of two results of other types agree as well."""
    apart = float(differences(left, right).max(initial=0))
    limit = 1e-3 * max(magnitude(left), 1e-30)
    return "; the values agree" if apart <= limit else f"; the values differ too, by up to {apart:.4g}"


def _layout(evidence: Evidence) -> Finding:
    right = evidence.failure.candidate
    assert right is not None
    asked = evidence.failure.note
    return "layout", f"the result of shape {_dims(right)} has strides {right.strides}; asked for: {asked}"


def _values(evidence: Evidence) -> Finding | None:
    steps: tuple[Callable[[Evidence], Finding | None], ...] = (
        only_strided,
        _decoded,
        _kept,
        integers.zero_point,
        values.precise,
        values.swapped,
        transposed,
        values.stats_swapped,
        integers.wrapped,
        integers.truncated,
        integers.wrapped_not_clipped,
        values.odd,
        values.ranged,
        values.scaled,
        colours.alpha,
        colours.converted,
        placement.placed,
        colours.toned,
        at_odd_sizes,
        at_the_border,
        resampling.resampled,
        values.regressed,
        values.clipped,
        image_statistics.figures,
    )
    for step in steps:
        finding = step(evidence)
        if finding is not None:
            return finding
    return None


def _kept(evidence: Evidence) -> Finding | None:
    """Find one result for all images of a size: looked at first, because nothing else can be asked then."""
    return values.odd(evidence) if evidence.own_size else None


def _decoded(evidence: Evidence) -> Finding | None:
    """Find pixels that two decoders of JPEG give otherwise: a little, on photos more than on flat images."""
    if evidence.pair.reference.adapt is not ADAPTERS["jpeg"][0]:
        return None
    apart = [float(differences(t.reference, t.candidate).max()) for t in evidence.trials if _alike(t)]
    flat = evidence.run(evidence.flat([128]))
    same = flat is not None and evidence.close(flat.reference, flat.candidate, 8e-3)
    if not apart or not same or max(apart) > 0.15 * evidence.scale:
        return None
    return "decoder", f"the same file is decoded otherwise: pixels differ by up to {max(apart):.4g}, flat images agree"


def _alike(trial: Trial) -> bool:
    return trial.reference.shape == trial.candidate.shape and bool(trial.reference.size)


_STAGES: dict[str, Callable[[Evidence], Finding | None]] = {
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
                return "axis-order", _flipped(evidence, left, order, flips)
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


def _flipped(evidence: Evidence, left: Array, order: tuple[int, ...], flips: tuple[int, ...]) -> str:
    """Return in words how the candidate's result is the reference's, turned or mirrored."""
    axis = evidence.axis(left)
    places = [at for at in range(left.ndim) if axis is None or at != left.ndim + axis][-2:]
    exchanged = [order[at] for at in places] == places[::-1] and len(places) == 2
    straight = order == tuple(range(left.ndim))
    if len(places) == 2 and set(flips) <= set(places):
        rows, columns = places
        if straight and len(flips) == 2:
            return "turned by 180 degrees: the candidate's rows and columns run backwards"
        if straight:
            return "mirrored: " + ("upside down" if flips == (rows,) else "left is right")
        if exchanged and len(flips) == 1:
            way = "clockwise" if flips == (columns,) else "counter-clockwise"
            return f"turned by 90 degrees: the candidate's result is the reference's turned {way}"
        if exchanged:
            return "rows and columns are exchanged, and both run backwards"
    return f"the candidate's is the reference's transposed to {order} and runs backwards along axis {_words(flips)}"


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
