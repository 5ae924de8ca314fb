"""Names the kind of a difference, by evidence: a kind is given when the fault it names explains what is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.diagnosis import colours, curves, ends, image_statistics, integers, rows, values
from pytest_onnxaccel.preprocessing.diagnosis.evidence import Evidence, Finding, Trial
from pytest_onnxaccel.preprocessing.diagnosis.rounding import precise
from pytest_onnxaccel.preprocessing.diagnosis.samples import figures, unexplained
from pytest_onnxaccel.preprocessing.diagnosis.spatial import placement, proportions, resampling
from pytest_onnxaccel.preprocessing.diagnosis.spatial.axes import dims, rearranged, transposed
from pytest_onnxaccel.preprocessing.diagnosis.spatial.geometry import at_odd_sizes, at_the_border
from pytest_onnxaccel.preprocessing.guarded_call import Failure, Pair, call
from pytest_onnxaccel.preprocessing.inputs.forms import ADAPTERS
from pytest_onnxaccel.preprocessing.report import counted, in_memory
from pytest_onnxaccel.preprocessing.results.differences import differences, magnitude
from pytest_onnxaccel.preprocessing.search.found import Found

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def diagnose(pair: Pair, failure: Failure, smallest: Failure, found: Sequence[Found], noun: str = "image") -> Finding:
    """Return the kind of *failure* and a sentence that says it.

    Args:
        pair: both functions, of whose results the part that differs counts.
        failure: the failure that is told.
        smallest: the same on the smallest image that was found.
        found: all failures of the search.
        noun: what is compared, in a word.
    """
    sides = [side for side in (failure.reference, failure.candidate) if side is not None]
    other = any(side.dtype.kind not in "iufb" for side in sides)
    free = not isinstance(failure.image, np.ndarray) or not pair.domain.height or pair.unordered
    if free and not other and failure.stage == "values":
        with np.errstate(all="ignore"):
            finding = rows.explained(pair, found)
        if finding is not None:
            return finding
    if other or not isinstance(failure.image, np.ndarray) or not pair.domain.height or pair.unordered:
        return unexplained(failure)
    if failure.stage == "shape" and (failure.reference is None or failure.candidate is None):
        return unexplained(failure)
    # the evidence takes logarithms of nothing and ratios of zeros where that explains nothing
    with np.errstate(all="ignore"):
        evidence = Evidence(pair, failure, smallest)
        return _STAGES[failure.stage](evidence) or _other(evidence, found, noun)


def _other(evidence: Evidence, found: Sequence[Found], noun: str) -> Finding:
    """Return what is known of values that no fault explains: how often, how much, and where."""
    ones = [one for one in found if one.failure.stage == "values"]
    worst = max(ones, key=lambda one: one.failure.share, default=None)
    if worst is None or worst.failure.reference is None:
        return "other", "the values differ in a way that no known fault explains"
    told = figures(worst.failure).removeprefix(": ")
    more = (
        f"{len(ones)} {counted(len(ones), noun)} differ, most on {worst.words}"
        if len(ones) > 1
        else f"found on {worst.words}"
    )
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
    sizes = evidence.failure.note or f"the candidate gives {dims(right)}, the reference {dims(left)}"
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
    if evidence.failure.note:
        return "dtype", evidence.failure.note
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
    return "layout", f"the result of shape {dims(right)} has strides {right.strides}; asked for: {asked}"


def _values(evidence: Evidence) -> Finding | None:
    steps: tuple[Callable[[Evidence], Finding | None], ...] = (
        only_strided,
        _decoded,
        _kept,
        integers.zero_point,
        precise,
        placement.surrounded,
        values.swapped,
        transposed,
        values.stats_swapped,
        integers.wrapped,
        integers.truncated,
        integers.wrapped_not_clipped,
        ends.odd,
        values.ranged,
        values.scaled,
        colours.alpha,
        colours.chroma_order,
        colours.converted,
        placement.placed,
        proportions.resized_content,
        rearranged,
        ends.clipped_line,
        curves.toned,
        at_odd_sizes,
        at_the_border,
        resampling.resampled,
        values.regressed,
        ends.clipped,
        image_statistics.figures,
    )
    for step in steps:
        finding = step(evidence)
        if finding is not None:
            return finding
    return None


def _kept(evidence: Evidence) -> Finding | None:
    """Find one result for all images of a size: looked at first, because nothing else can be asked then."""
    return ends.odd(evidence) if evidence.own_size else None


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


def _same_values(evidence: Evidence) -> bool:
    return all(
        t.reference.size == t.candidate.size and evidence.close(t.reference.reshape(-1), t.candidate.reshape(-1))
        for t in evidence.trials
    )


def _size(image: Array) -> str:
    return f"{image.shape[0]}x{image.shape[1]}"
