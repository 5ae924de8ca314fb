"""Evidence for a diagnosis: both functions on images that tell the known faults apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.preprocessing.differences import beyond, magnitude
from pytest_onnxaccel.preprocessing.failure_figures import channel_axis
from pytest_onnxaccel.preprocessing.guarded_call import Failure, Pair, call
from pytest_onnxaccel.strategies.programs import ImageProgram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: What a diagnosis gives: the kind, and the sentence that says it.
Finding = tuple[str, str]

#: An explanation need not be exact: it may be off by this share of the reference's largest magnitude.
LOOSE = 2e-4

#: Grey levels at which the answer of a function is looked at.
LEVELS = (0, 1, 16, 48, 80, 112, 126, 127, 128, 144, 176, 208, 240, 254, 255)


@record(frozen=True)
class Trial:
    """One image and what both sides made of it."""

    image: Array
    reference: Array
    candidate: Array


@record(frozen=True)
class Affine:
    """``slope * level + offset`` per channel; *exact* where every grey level obeys."""

    slope: Array
    offset: Array
    exact: bool

    @property
    def mean(self) -> Array:
        """The level that gives zero."""
        return -self.offset / self.slope

    @property
    def divisor(self) -> Array:
        return 1 / self.slope

    @property
    def usable(self) -> bool:
        return self.exact and bool(np.all(self.slope != 0)) and bool(np.isfinite(self.offset).all())


class Evidence:
    """Both functions around one failure."""

    def __init__(self, pair: Pair, failure: Failure) -> None:
        self.pair, self.failure, self.domain = pair, failure, pair.domain

    def program(self, pattern: str, size: tuple[int, int], seed: int = 0) -> Array:
        """Return an image of *pattern* at the legal size nearest to *size*."""
        height, width = self.domain.near(size)
        return ImageProgram(height, width, self.domain.channels, self.domain.dtype, pattern, seed=seed).render()

    def run(self, image: Array) -> Trial | None:
        """Return both sides on *image*; None where one refuses it."""
        mine, theirs = call(self.pair.reference, image).value, call(self.pair.candidate, image).value
        return None if mine is None or theirs is None else Trial(image, mine.copy(), theirs.copy())

    @cached_property
    def trials(self) -> list[Trial]:
        """The failing image and a few that are rich in values, none of them square but one."""
        images = [np.array(self.failure.image, order="C"), self.program("ramp", (16, 16))]
        images += [self.program("noise", size, seed) for seed, size in enumerate(((12, 20), (32, 64)))]
        return [trial for image in images if (trial := self.run(image)) is not None]

    @cached_property
    def scale(self) -> float:
        return max([self.pair.scale, *[magnitude(trial.reference) for trial in self.trials]])

    def reference(self, image: Array) -> Array | None:
        return call(self.pair.reference, np.ascontiguousarray(image)).value

    def close(self, left: Array | None, right: Array | None, loose: float = LOOSE) -> bool:
        """Return whether the two are equal but for rounding."""
        if left is None or right is None or left.shape != right.shape:
            return False
        with np.errstate(all="ignore"):
            apart = np.abs(left.astype(np.float64) - right.astype(np.float64))
        return bool(np.all(apart <= loose * max(self.scale, 1e-30)))

    def explains(self, guess: Callable[[Trial], Array | None]) -> bool:
        """Return whether *guess*, applied to the reference in every trial, gives the candidate, not the reference."""
        telling = False
        for trial in self.trials:
            if not self.close(guess(trial), trial.candidate):
                return False
            telling = telling or not self.close(trial.reference, trial.candidate)
        return telling

    def passes(self, image: Array | None) -> bool:
        """Return whether the two agree on *image*, which both take."""
        trial = None if image is None else self.run(image)
        return trial is not None and self.pair.judge(trial.image, trial.reference, trial.candidate) is None

    def axis(self, result: Array) -> int | None:
        return channel_axis(result.shape, self.domain.depth)

    def per_channel(self, values: Array, result: Array) -> Array:
        """Return *values*, one per channel, shaped to broadcast over *result*."""
        axis = self.axis(result)
        if axis is None or values.size == 1:
            return values.reshape(-1)[:1]
        return values.reshape((-1,) + (1,) * (-axis - 1))

    @cached_property
    def greys(self) -> tuple[Array, Array] | None:
        """Results in the middle of grey images, shape (levels, channels), of both sides; None where one refuses."""
        sides: tuple[list[Array], list[Array]] = ([], [])
        for level in LEVELS:
            trial = self.run(self.domain.filled([level], (8, 8)))
            if trial is None:
                return None
            for side, result in zip(sides, (trial.reference, trial.candidate), strict=True):
                side.append(self._middle(result))
        if len({row.shape for side in sides for row in side}) > 1 or not sides[0][0].size:
            return None
        return np.array(sides[0]), np.array(sides[1])

    def _middle(self, result: Array) -> Array:
        """Return one value per channel from the middle of *result*."""
        axis = self.axis(result)
        wide = result.astype(np.float64)
        wide = wide[..., None] if axis is None else np.moveaxis(wide, axis, -1)
        middle: Array = wide[tuple(size // 2 for size in wide.shape[:-1])] if wide.size else np.empty(0)
        return middle

    @cached_property
    def affine(self) -> tuple[Affine, Affine] | None:
        """What both sides make of grey levels; None where that cannot be asked."""
        if self.greys is None:
            return None
        return self._fit(self.greys[0]), self._fit(self.greys[1])

    def _fit(self, rows: Array) -> Affine:
        levels = np.array(LEVELS, dtype=np.float64)[:, None]
        slope, offset = (rows[-1] - rows[0]) / 255, rows[0]
        loose = LOOSE * max(float(np.abs(rows).max()), 1e-30)
        exact = bool(np.all(np.abs(slope * levels + offset - rows) <= loose))
        return Affine(slope, offset, exact)

    def bad(self, trial: Trial) -> Array | None:
        """Return where the two are too far apart; None where nowhere or where the shapes differ."""
        if trial.reference.shape != trial.candidate.shape:
            return None
        return beyond(trial.reference, trial.candidate, self.pair.bound, self.pair.scale)
