"""Evidence for a diagnosis: both functions on images that tell the known faults apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.preprocessing.failure_figures import channel_axis
from pytest_onnxaccel.preprocessing.guarded_call import Failure, Pair, call
from pytest_onnxaccel.preprocessing.results.differences import beyond, magnitude
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
    """``slope * value + offset`` per channel; *exact* where every grey value obeys; results of *black* and *white*."""

    slope: Array
    offset: Array
    exact: bool
    black: Array
    white: Array

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


#: Images of more elements are not looked at whole where a smaller one fails as well.
MANY = 100_000


class Evidence:
    """Both functions around one failure.

    Args:
        failure: the failure that is told.
        smallest: the same failure on the smallest image that was found.
    """

    def __init__(self, pair: Pair, failure: Failure, smallest: Failure | None = None) -> None:
        self.pair, self.domain = pair, pair.domain
        #: The failure that is told, before its image was made smaller.
        self.told = failure
        large = failure.image.size > MANY and smallest is not None
        self.failure = smallest if large and smallest is not None else failure

    @cached_property
    def own_size(self) -> tuple[int, int] | None:
        """The size of the failing image where images of the usual small sizes do not fail; else None."""
        size = self.failure.image.shape[:2]
        if self.domain.sizes is not None or max(size) <= 100 or not self.domain.legal(*size):
            return None
        small = [
            ImageProgram(
                *self.domain.near(near), self.domain.channels, self.domain.dtype, pattern, seed=seed,
                low=self.domain.low, high=self.domain.high,
            ).render()
            for seed, (near, pattern) in enumerate((((32, 64), "noise"), ((64, 96), "noise"), ((48, 80), "checker")))
        ]  # fmt: skip
        return size if all(self.passes(image) for image in small) else None

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the legal size nearest to *size*, or that of the failing image where small ones do not fail."""
        return self.own_size or self.domain.near(size)

    def program(self, pattern: str, size: tuple[int, int], seed: int = 0, exact: bool = False) -> Array:
        """Return an image of *pattern* at :meth:`size`; with *exact* at the legal size nearest to *size*."""
        height, width = self.domain.near(size) if exact else self.size(size)
        domain = self.domain
        return ImageProgram(
            height, width, domain.channels, domain.dtype, pattern, seed=seed, low=domain.low, high=domain.high
        ).render()

    def flattened(self, image: Array) -> Array:
        """Return *image* with a sixteenth of its contrast, about the middle of the range."""
        black, white = self.domain.ends
        middle = (black + white) / 2
        thin: Array = (middle + (image.astype(np.float64) - middle) / 16).astype(image.dtype)
        return thin

    def flat(self, levels: Sequence[int], size: tuple[int, int] = (24, 52)) -> Array:
        """Return an image of one colour at :meth:`size`."""
        return self.domain.filled(levels, self.size(size))

    def run(self, image: Array) -> Trial | None:
        """Return both sides on *image*; None where one refuses it."""
        mine, theirs = call(self.pair.reference, image).value, call(self.pair.candidate, image).value
        return None if mine is None or theirs is None else Trial(image, mine.copy(), theirs.copy())

    @cached_property
    def trials(self) -> list[Trial]:
        """The failing image and a few that are rich in values, none of them square but one."""
        images = [np.array(self.failure.image, order="C"), self.program("ramp", (16, 16))]
        images += [self.program("noise", size, seed) for seed, size in enumerate(((12, 20), (32, 64)))]
        images += [self.program("photo", (40, 56), 4)]
        if self.own_size and images[1].size > MANY:
            del images[1:3]  # all of one large size: two say as much, in half the time
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
        few = left.size // 2000
        if few > 4 and not self.close(left.reshape(-1)[::few], right.reshape(-1)[::few], loose):
            return False  # large results: most guesses fail on a few values already
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
            trial = self.run(self.flat([level], (8, 8)))
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
        inputs = self.domain.numbers(LEVELS).astype(np.float64)[:, None]
        slope = (rows[-1] - rows[0]) / (inputs[-1] - inputs[0])
        offset = rows[0] - slope * inputs[0]
        loose = LOOSE * max(float(np.abs(rows).max()), 1e-30)
        exact = bool(np.all(np.abs(slope * inputs + offset - rows) <= loose))
        return Affine(slope, offset, exact, rows[0], rows[-1])

    def bad(self, trial: Trial) -> Array | None:
        """Return where the two are too far apart; None where nowhere or where the shapes differ."""
        if trial.reference.shape != trial.candidate.shape:
            return None
        return beyond(trial.reference, trial.candidate, self.pair.bound, self.pair.scale)
