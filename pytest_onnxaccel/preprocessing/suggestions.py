"""Advice on a preprocessing function: rewrites of it, proven equivalent, ranked by what they take on this machine."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.preprocessing.diagnosis.affine_fit import Affine, detect
from pytest_onnxaccel.preprocessing.speed.onnx_rewrite import GRAPH, in_graph
from pytest_onnxaccel.preprocessing.speed.operations import operations
from pytest_onnxaccel.preprocessing.speed.rewrites import Rewrite, rewrites

#: Time for the measurement of all rewrites together, seconds.
SECONDS = 1.0
#: Rounds over all rewrites at least and at most.
ROUNDS = (5, 200)
#: What is said of calls that are the same.
PROVEN = "equal on the standard images, larger and smaller than the result"
#: Names of the two yardsticks among the rungs.
YOURS, LIMIT = "yours", "limit"


@record(frozen=True)
class Rung:
    """One rewrite.

    Attributes:
        name: what it is.
        source: code that defines ``preprocess(image)``.
        ms: fastest of all timed calls; None where it does not run here.
        speedup: times as fast as the user's function.
        over_limit: times as long as the machine needs to move the bytes.
        equivalent: proven by :func:`~pytest_onnxaccel.preprocessing.compare`.
        remark: why it was not measured or not equivalent, or what the time does not hold.
    """

    name: str
    source: str
    ms: float | None = None
    speedup: float | None = None
    over_limit: float | None = None
    equivalent: bool = False
    remark: str = ""


@record(frozen=True)
class Advice:
    """What can be done.

    Attributes:
        affine: the normalisation that was found; None when the function is none.
        reason: why it is none; empty when it is.
        yours_ms: the user's function, result contiguous and in float32, as a model takes it.
        limit_ms: a copy that moves as many bytes as the image and a float32 result have.
        rungs: fastest first; those that were not measured, or are not equivalent, last.
        notes: facts that qualify the figures.
    """

    shape: tuple[int, ...]
    affine: Affine | None = None
    reason: str = ""
    yours_ms: float | None = None
    limit_ms: float | None = None
    rungs: tuple[Rung, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> Rung | None:
        """The fastest rewrite that is proven equivalent."""
        return next((rung for rung in self.rungs if rung.equivalent and rung.ms is not None), None)

    def to_json(self) -> dict[str, Any]:
        """Return it in builtins only."""
        return {**asdict(self), "shape": list(self.shape), "rungs": [asdict(rung) for rung in self.rungs]}

    def __str__(self) -> str:
        size = "x".join(map(str, self.shape))
        if self.affine is None and not self.rungs:
            return f"no affine normalisation: {self.reason}; no rewrite is known for it"
        lines = [
            f"{self.affine or 'calls of OpenCV'} at {size}",
            f"{'rewrite':24} {'ms':>8} {'faster':>8} {'over limit':>11}  equivalent",
        ]
        lines.append(_line(Rung("your function", "", self.yours_ms, 1.0, _over(self.yours_ms, self.limit_ms), True)))
        lines += [_line(rung) for rung in self.rungs]
        lines.append(f"limit: a copy of as many bytes takes {self.limit_ms or 0:.3g} ms")
        return "\n".join([*lines, *self.notes])


def _line(rung: Rung) -> str:
    if rung.ms is None:
        return f"{rung.name:24} {'-':>8} {'-':>8} {'-':>11}  {rung.remark}"
    proven = "yes" if rung.equivalent else "no"
    remark = f"; {rung.remark}" if rung.remark else ""
    return f"{rung.name:24} {rung.ms:8.3f} {rung.speedup or 0:7.1f}x {rung.over_limit or 0:10.1f}x  {proven}{remark}"


def _over(ms: float | None, limit: float | None) -> float | None:
    return ms / limit if ms and limit else None


def advise(function: Callable[[Any], Any], shape: tuple[int, ...] = (240, 320, 3), seconds: float = SECONDS) -> Advice:
    """Measure rewrites of *function* on images of *shape* (H, W, channels).

    Of an affine normalisation in all the ways that are known; of a resize, a letterbox or a conversion of colours
    those of OpenCV that are proven to be the same.
    """
    found = detect(function, shape)
    if isinstance(found, str):
        return _of_operations(function, shape, seconds, found)
    import numpy as np

    def yours(image: Any) -> Any:
        return np.ascontiguousarray(function(image), np.float32)

    drafts = [*rewrites(found), *in_graph(found)]
    candidates: dict[str, Callable[[Any], Any]] = {}
    proven: dict[str, str] = {}
    for draft in drafts:
        missing = [module for module in draft.needs if find_spec(module) is None]
        if missing:
            proven[draft.name] = f"{missing[0]} is not installed"
            continue
        candidates[draft.name] = draft.function()
        proven[draft.name] = _difference(yours, draft.comparable(candidates[draft.name]), shape)
    times = measured({YOURS: yours, LIMIT: _copy(shape), **candidates}, shape, seconds)
    rungs = [_rung(draft, times, proven[draft.name]) for draft in drafts]
    rungs.sort(key=lambda rung: (not rung.equivalent, rung.ms is None, rung.ms or 0.0))
    notes = ["your function gives float64, the model takes float32: the time includes its conversion"]
    return Advice(
        shape, found, "", times[YOURS], times[LIMIT], tuple(rungs), tuple(notes if found.dtype == "float64" else ())
    )


def _of_operations(function: Callable[[Any], Any], shape: tuple[int, ...], seconds: float, reason: str) -> Advice:
    """Return those calls of OpenCV that are *function*, measured; *reason* where there are none."""
    if find_spec("cv2") is None:
        return Advice(shape, reason=f"{reason}; calls of OpenCV were not tried: cv2 is not installed")
    same = [draft for draft in operations(function, shape) if not _difference_anywhere(function, draft, shape)]
    if not same:
        return Advice(shape, reason=reason)
    runs = {draft.name: draft.function() for draft in same}
    times = measured({YOURS: function, LIMIT: _copy(shape), **runs}, shape, seconds)
    rungs = sorted((_rung(draft, times, "") for draft in same), key=lambda rung: rung.ms or 0.0)
    return Advice(shape, None, "", times[YOURS], times[LIMIT], tuple(rungs), (PROVEN,))


def _difference_anywhere(function: Callable[[Any], Any], draft: Rewrite, shape: tuple[int, ...]) -> str:
    """Return why *draft* is not *function* on images of any size; empty where no difference is found."""
    from pytest_onnxaccel.preprocessing import compare

    quick = compare(function, draft.function(), shape=shape, shapes=[shape[:2]], examples=0)
    report = compare(function, draft.function(), shape=shape, examples=20) if quick.equivalent else quick
    return "" if report.equivalent else f"{report.kind}: {report.sentence}"


def _difference(reference: Callable[[Any], Any], candidate: Callable[[Any], Any], shape: tuple[int, ...]) -> str:
    """Return why *candidate* is not *reference*; empty when it is proven to be."""
    from pytest_onnxaccel.preprocessing import compare

    # Of an affine function all 256 values say everything; the deployed size alone is what was detected
    report = compare(reference, candidate, shape=shape, shapes=[shape[:2]], examples=0)
    return "" if report.equivalent else f"{report.kind}: {report.sentence}"


def _copy(shape: tuple[int, ...]) -> Callable[[Any], Any]:
    """Return a copy that moves the bytes of an image of *shape* and its float32 result."""
    import numpy as np

    size = int(np.prod(shape)) * 5 // 2
    source, target = np.ones(max(size, 1), np.uint8), np.empty(max(size, 1), np.uint8)

    def copy(image: Any) -> Any:
        np.copyto(target, source)
        return target

    return copy


def measured(functions: Mapping[str, Callable[[Any], Any]], shape: tuple[int, ...], seconds: float) -> dict[str, float]:
    """Return the milliseconds of the fastest call of each, in rounds of random order on distinct images."""
    from pytest_onnxaccel.numerics.timing.loop import no_collection
    from pytest_onnxaccel.preprocessing.speed.verdict import contiguous, images

    inputs = images(shape)
    calls = {name: contiguous(function, inputs) for name, function in functions.items()}
    best = dict.fromkeys(calls, float("inf"))
    draw, order, end = random.Random(0), list(calls), time.perf_counter() + seconds
    for call in calls.values():
        call(0)
    with no_collection():
        for index in range(ROUNDS[1]):
            if index >= ROUNDS[0] and time.perf_counter() > end:
                break
            draw.shuffle(order)
            for name in order:
                start = time.perf_counter_ns()
                calls[name](index)
                best[name] = min(best[name], (time.perf_counter_ns() - start) / 1e6)
    return best


def _rung(draft: Rewrite, times: Mapping[str, float], difference: str) -> Rung:
    ms = times.get(draft.name)
    if ms is None:
        return Rung(draft.name, draft.source, remark=difference)
    remark = difference or ("alone; within a model less" if draft.name == GRAPH else "")
    return Rung(draft.name, draft.source, ms, times[YOURS] / ms, ms / times[LIMIT], not difference, remark)
