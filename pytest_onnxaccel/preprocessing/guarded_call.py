"""Both functions run on one sample, and the checks on what came out, in their fixed order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.preprocessing.coverage import Coverage
from pytest_onnxaccel.preprocessing.inputs.domain import Domain
from pytest_onnxaccel.preprocessing.results.difference_kinds import STAGES
from pytest_onnxaccel.preprocessing.results.differences import Bound, beyond, differences, magnitude, near
from pytest_onnxaccel.preprocessing.results.leaves import Leaves
from pytest_onnxaccel.preprocessing.results.unordered_rows import reordered
from pytest_onnxaccel.preprocessing.side import Function as Function
from pytest_onnxaccel.preprocessing.side import Outcome as Outcome
from pytest_onnxaccel.preprocessing.side import Side, call, name_of, same

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["DEEP", "Failure", "Function", "Outcome", "Pair", "call", "name_of", "opposite"]

#: Images of at most so many elements are run again for aliasing and determinism; of larger ones only the first.
DEEP = 20_000


@record(frozen=True)
class Failure:
    """The first check that failed on one image.

    Attributes:
        stage: one of :data:`~pytest_onnxaccel.preprocessing.results.difference_kinds.STAGES`.
        image: the input, laid out as it failed.
        reference, candidate: the two arrays that differ; None where a side raised.
        size: how large the difference is: largest |difference| of values, else 0.
        note: what the stage alone knows (the exception, whose fault).
        path: of the part of the result that differs; empty where the result is one array.
        share: *size* over the reference's largest magnitude.
    """

    stage: str
    image: Any
    reference: Array | None = None
    candidate: Array | None = None
    size: float = 0.0
    note: str = ""
    path: str = ""
    share: float = 0.0


class Pair:
    """A reference and a candidate under one tolerance.

    Args:
        layout: what the candidate's result must be in memory: ``"any"``, ``"C"`` for C-contiguous, ``"same"`` for
            the reference's own strides.
        unordered: results whose rows may come in any order: True for all, or their paths.
    """

    def __init__(
        self,
        reference: Function | Side,
        candidate: Function | Side,
        domain: Domain,
        bound: Bound,
        layout: str,
        unordered: bool | Sequence[str] = False,
    ) -> None:
        if layout not in ("any", "C", "same"):
            raise ConfigError(f'layout is {layout!r}; it is "any", "C" or "same"')
        self.reference = reference if isinstance(reference, Side) else Side(reference)
        self.candidate = candidate if isinstance(candidate, Side) else Side(candidate)
        self.domain, self.bound, self.layout, self.unordered = domain, bound, layout, unordered
        #: Errors of images that both functions refuse: those are not comparable.
        self.refused: list[str] = []
        #: Sizes that went in and came out.
        self.coverage = Coverage()
        #: The largest difference of the sample that was compared last, in tolerances: 1 is just allowed.
        self.nearness = 0.0
        self._scales: dict[str, float] | None = None

    def at(self, path: str) -> Pair:
        """Return the same two functions of whose results only the part *path* counts."""
        if not path:
            return self
        return Pair(
            self.reference.at(path), self.candidate.at(path), self.domain, self.bound, self.layout, self.unordered
        )

    @property
    def scale(self) -> float:
        """Largest magnitude of the reference on a black and a white image: an image's own maximum may be 0."""
        return self.scale_at("")

    def scale_at(self, path: str) -> float:
        """Return :attr:`scale` of one part of the result."""
        if self._scales is None:
            self._scales = {}
            for level in (0, 255) if self.domain.height else ():
                leaves = call(self.reference, self.domain.filled([level])).leaves
                for name, array in (leaves.arrays if leaves else {}).items():
                    self._scales[name] = max(self._scales.get(name, 0.0), magnitude(array))
        return self._scales.get(path, 0.0)

    def examine(self, image: Any, deep: bool = False) -> Failure | None:
        """Return the first check that fails on *image*; with *deep* also those that need further calls."""
        mine = call(self.reference, image)
        theirs = call(self.candidate, image)
        if mine.leaves is None or theirs.leaves is None:
            if mine.leaves is None and theirs.leaves is None:
                self.refused.append(mine.error)
                return None
            side, error = ("candidate", theirs.error) if theirs.leaves is None else ("reference", mine.error)
            return Failure("raises", image, mine.value, theirs.value, note=f"the {side} raises {error}")
        if isinstance(image, np.ndarray):
            self.coverage.note(image.shape, mine.leaves, self.domain)
        if theirs.mutated:
            return Failure("mutation", image, mine.value, theirs.value)
        if deep and (failure := self._again(image, mine.leaves, theirs.leaves)):
            return failure
        return self.compared(image, mine.leaves, theirs.leaves)

    def _again(self, image: Any, reference: Leaves, result: Leaves) -> Failure | None:
        """Check aliasing and determinism: calls in between change neither an old result nor the next one."""
        kept = {path: array.copy() for path, array in result.arrays.items()}
        call(self.candidate, opposite(image, self.domain))
        for path, array in kept.items():
            if not same(array, result.arrays[path]):
                return Failure("aliasing", image, array, result.arrays[path].copy(), path=path)
        for function, first, whose in ((self.candidate, kept, ""), (self.reference, reference.arrays, "the reference")):
            second = call(function, image)
            again = None if second.leaves is None else second.leaves.arrays
            if again is None or again.keys() != first.keys():
                note = f"the second call raises {second.error}" if again is None and not whose else whose
                return Failure("determinism", image, next(iter(first.values()), None), None, note=note)
            for path, array in first.items():
                if not same(array, again[path]):
                    return Failure("determinism", image, array, again[path], note=whose, path=path)
        return None

    def compared(self, image: Any, reference: Leaves, candidate: Leaves) -> Failure | None:
        """Return the worst difference of two results, part by part."""
        if reference.arrays.keys() != candidate.arrays.keys():
            note = _parts_apart(reference, candidate)
            return Failure("shape", image, reference.alone, candidate.alone, note=note)
        if self.unordered:
            candidate = reordered(reference, candidate, self.unordered)
        found = []
        self.nearness = 0.0
        for path, mine in reference.arrays.items():
            theirs = candidate.arrays[path]
            mine, theirs = _levelled(mine, theirs, path in reference.weak, path in candidate.weak)
            failure = self.judge(image, mine, theirs, path)
            types = [side.names.get(path, array.dtype.name) for side, array in ((candidate, theirs), (reference, mine))]
            if types[0] != types[1] and mine.dtype == theirs.dtype and mine.shape == theirs.shape:
                note = f"the candidate gives {types[0]}, the reference {types[1]}"
                failure = Failure("dtype", image, mine, theirs, note=note, path=path)
            found += [failure] if failure else []
        return min(found, key=lambda one: (STAGES.index(one.stage), -one.share), default=None)

    def judge(self, image: Any, reference: Array, candidate: Array, path: str = "") -> Failure | None:
        """Return the shape, dtype, layout and values of two results, in this order."""
        if reference.shape != candidate.shape:
            return Failure("shape", image, reference, candidate, path=path)
        if reference.dtype != candidate.dtype and not (reference.dtype.kind == candidate.dtype.kind == "U"):
            return Failure("dtype", image, reference, candidate, path=path)
        if self.layout == "C" and not candidate.flags.c_contiguous:
            return Failure("layout", image, reference, candidate, note="C-contiguous", path=path)
        if self.layout == "same" and candidate.size and _steps(candidate) != _steps(reference):
            return Failure("layout", image, reference, candidate, note=f"strides {reference.strides}", path=path)
        scale = self.scale_at(path)
        bad = beyond(reference, candidate, self.bound, scale)
        if bad is None:
            if reference.size <= DEEP:
                self.nearness = max(self.nearness, near(reference, candidate, self.bound, scale))
            return None
        size = float(differences(reference, candidate).max())
        share = size / (max(scale, magnitude(reference)) or 1.0)
        return Failure("values", image, reference, candidate, size, path=path, share=share)


def _parts_apart(reference: Leaves, candidate: Leaves) -> str:
    """Return in words which parts only one of two results has."""
    if reference.alone is not None or candidate.alone is not None or not reference.arrays or not candidate.arrays:
        return f"the candidate gives {candidate}, the reference {reference}"
    sides = []
    for name, side, other in (("candidate", candidate, reference), ("reference", reference, candidate)):
        only = [path for path in side.arrays if path not in other.arrays]
        named = ", ".join(only[:3]) + (f" and {len(only) - 3} more" if len(only) > 3 else "")
        sides += [f"only the {name} gives {named}"] if only else []
    return f"{'; '.join(sides)} (parts: {len(candidate.arrays)}, the reference {len(reference.arrays)})"


def _levelled(mine: Array, theirs: Array, mine_weak: bool, theirs_weak: bool) -> tuple[Array, Array]:
    """Return both in one element type where one has none of its own: a list of Python numbers."""
    if mine.dtype == theirs.dtype or not (mine_weak or theirs_weak) or mine.dtype.kind not in "iufb":
        return mine, theirs
    if theirs.dtype.kind not in "iufb" or (mine.dtype.kind in "iub") != (theirs.dtype.kind in "iub"):
        return mine, theirs
    wanted = theirs.dtype if mine_weak else mine.dtype
    return mine.astype(wanted), theirs.astype(wanted)


def _steps(array: Array) -> list[int]:
    """Return strides of the axes along which there is a step to take."""
    return [step for step, size in zip(array.strides, array.shape, strict=True) if size > 1]


def opposite(image: Any, domain: Domain | None = None) -> Any:
    """Return another legal image of the same shape and type that differs in every element."""
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "iufb":
        return image
    if domain is not None and domain.low is not None and domain.high is not None:
        turned = domain.low + domain.high - image.astype(np.float64)
        return np.clip(turned, domain.low, domain.high).astype(image.dtype)
    if image.dtype.kind in "iub":
        return np.ascontiguousarray(~image)
    return np.ascontiguousarray(255 - image)
