"""Both functions run on one image, and the checks on what came out, in their fixed order."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.preprocessing.differences import Bound, beyond, differences, magnitude
from pytest_onnxaccel.preprocessing.domain import Domain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: A preprocessing function: an image in, an array out.
Function = Callable[[Any], Any]

#: Images of at most so many elements are run again for aliasing and determinism; of larger ones only the first.
DEEP = 20_000


@record(frozen=True)
class Outcome:
    """What one call gave: an array, or the text of its exception; and whether it wrote into its input."""

    value: Array | None
    error: str = ""
    mutated: bool = False


@record(frozen=True)
class Failure:
    """The first check that failed on one image.

    Attributes:
        stage: one of :data:`~pytest_onnxaccel.preprocessing.difference_kinds.STAGES`.
        image: the input, laid out as it failed.
        reference, candidate: the two arrays that differ; None where a side raised.
        size: how large the difference is: largest |difference| of values, else 0.
        note: what the stage alone knows (the exception, whose fault).
    """

    stage: str
    image: Array
    reference: Array | None = None
    candidate: Array | None = None
    size: float = 0.0
    note: str = ""


def call(function: Function, image: Array) -> Outcome:
    """Run *function* on *image*; afterwards the image is as before, whatever the function did to it."""
    before = image.copy()
    try:
        value = function(image)
    except ConfigError:
        raise
    except Exception as error:  # whatever a user's function raises is its outcome
        if not _same(before, image):
            image[...] = before
        return Outcome(None, f"{type(error).__name__}: {error}")
    if not isinstance(value, (np.ndarray, np.generic)):
        raise ConfigError(
            f"{name_of(function)} gave {type(value).__name__}, not a NumPy array",
            remedy="compare functions that take one image and return one array; wrap them if they do more",
        )
    array = np.asarray(value)
    if _same(before, image):
        return Outcome(array)
    array = array.copy() if np.may_share_memory(array, image) else array
    image[...] = before
    return Outcome(array, mutated=True)


def name_of(function: Function) -> str:
    """Return ``module:qualified.name`` of a function, or what it prints as."""
    name = getattr(function, "__qualname__", "")
    return f"{getattr(function, '__module__', '')}:{name}" if name else repr(function)


def _same(left: Array, right: Array) -> bool:
    """Return whether equal bit for bit as far as values go: NaN equals NaN."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return bool(np.array_equal(left, right, equal_nan=left.dtype.kind in "fc"))


class Pair:
    """A reference and a candidate under one tolerance.

    Args:
        layout: what the candidate's result must be in memory: ``"any"``, ``"C"`` for C-contiguous, ``"same"`` for
            the reference's own strides.
    """

    def __init__(self, reference: Function, candidate: Function, domain: Domain, bound: Bound, layout: str) -> None:
        if layout not in ("any", "C", "same"):
            raise ConfigError(f'layout is {layout!r}; it is "any", "C" or "same"')
        self.reference, self.candidate = reference, candidate
        self.domain, self.bound, self.layout = domain, bound, layout
        #: Errors of images that both functions refuse: those are not comparable.
        self.refused: list[str] = []

    @cached_property
    def scale(self) -> float:
        """Largest magnitude of the reference on a black and a white image: an image's own maximum may be 0."""
        top = np.iinfo(self.domain.dtype).max if np.dtype(self.domain.dtype).kind in "iu" else 255
        outcomes = [call(self.reference, self.domain.filled([level])).value for level in (0, min(top, 2**31))]
        return max((magnitude(value) for value in outcomes if value is not None), default=0.0)

    def examine(self, image: Array, deep: bool = False) -> Failure | None:
        """Return the first check that fails on *image*; with *deep* also those that need further calls."""
        mine = call(self.reference, image)
        theirs = call(self.candidate, image)
        if mine.value is None or theirs.value is None:
            if mine.value is None and theirs.value is None:
                self.refused.append(mine.error)
                return None
            side, error = ("candidate", theirs.error) if theirs.value is None else ("reference", mine.error)
            note = f"the {side} raises {error}"
            return Failure("raises", image, mine.value, theirs.value, note=note)
        if theirs.mutated:
            return Failure("mutation", image, mine.value, theirs.value)
        if deep and (failure := self._again(image, mine.value, theirs.value)):
            return failure
        return self.judge(image, mine.value, theirs.value)

    def _again(self, image: Array, reference: Array, result: Array) -> Failure | None:
        """Check aliasing and determinism: calls in between change neither an old result nor the next one."""
        kept = result.copy()
        call(self.candidate, opposite(image))
        if not _same(kept, result):
            return Failure("aliasing", image, kept, result.copy())
        second = call(self.candidate, image)
        if second.value is None or not _same(kept, second.value):
            note = f"the second call raises {second.error}" if second.value is None else ""
            return Failure("determinism", image, kept, second.value, note=note)
        again = call(self.reference, image)
        if again.value is None or not _same(reference, again.value):
            return Failure("determinism", image, reference, again.value, note="the reference")
        return None

    def judge(self, image: Array, reference: Array, candidate: Array) -> Failure | None:
        """Return the shape, dtype, layout and values of two results, in this order."""
        if reference.shape != candidate.shape:
            return Failure("shape", image, reference, candidate)
        if reference.dtype != candidate.dtype:
            return Failure("dtype", image, reference, candidate)
        if self.layout == "C" and not candidate.flags.c_contiguous:
            return Failure("layout", image, reference, candidate, note="C-contiguous")
        if self.layout == "same" and candidate.size and _steps(candidate) != _steps(reference):
            return Failure("layout", image, reference, candidate, note=f"strides {reference.strides}")
        bad = beyond(reference, candidate, self.bound, self.scale)
        if bad is None:
            return None
        return Failure("values", image, reference, candidate, float(differences(reference, candidate).max()))


def _steps(array: Array) -> list[int]:
    """Return strides of the axes along which there is a step to take."""
    return [step for step, size in zip(array.strides, array.shape, strict=True) if size > 1]


def opposite(image: Array) -> Array:
    """Return another image of the same shape and type that differs in every element."""
    if image.dtype.kind in "iub":
        return np.ascontiguousarray(~image)
    return np.ascontiguousarray(255 - image)
