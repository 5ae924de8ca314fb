"""Which images are legal: the deployed shape, the other sizes, the element type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.strategies.programs import in_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: A comfortable size for evidence: round, not square, small.
ROUND = (32, 64)


@record(frozen=True)
class Domain:
    """The images that both functions must take.

    Attributes:
        height, width: the deployed size.
        channels: size of the last axis; None for images of two axes.
        sizes: the legal sizes, smallest first; None where any is legal.
        strategy: draws further legal sizes; None where *sizes* says it all.
        low, high: the legal range of values; None for what the element type usually holds.
        step: height and width are multiples of these.
        line: ``rows`` for tables (width 1, a channel for each column), ``signal`` for height 1, else empty.
    """

    height: int
    width: int
    channels: int | None
    dtype: str = "uint8"
    sizes: tuple[tuple[int, int], ...] | None = None
    strategy: Any = field(default=None, compare=False)
    low: float | None = None
    high: float | None = None
    step: tuple[int, int] = (1, 1)
    line: str = ""

    @classmethod
    def of(cls, shape: Sequence[int], shapes: Any, dtype: str = "uint8", **further: Any) -> Domain:
        """Parse ``shape`` and ``shapes`` as the user wrote them; *further* are attributes.

        Raises:
            ConfigError: one of them cannot be used.
        """
        numbers = tuple(int(n) for n in shape)
        if len(numbers) not in (2, 3) or min(numbers) < 1:
            raise ConfigError(f"shape is {tuple(shape)!r}; the deployed one is (H, W, channels) or (H, W)")
        height, width, channels = numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None
        if isinstance(shapes, str):
            if shapes != "any":
                raise ConfigError(f'shapes is {shapes!r}; it is "any", a list of (H, W) or a strategy of them')
            return cls(height, width, channels, dtype, **further)
        if not isinstance(shapes, (list, tuple, set, frozenset)):
            return cls(height, width, channels, dtype, ((height, width),), shapes, **further)
        try:
            pairs = {(int(h), int(w)) for h, w in shapes} | {(height, width)}
        except (TypeError, ValueError):
            raise ConfigError(f"shapes is {shapes!r}; each legal size is an (H, W)") from None
        if min(min(pair) for pair in pairs) < 1:
            raise ConfigError(f"shapes is {shapes!r}; each legal size is an (H, W) of at least 1 by 1")
        ordered = tuple(sorted(pairs, key=lambda p: (p[0] * p[1], p)))
        return cls(height, width, channels, dtype, ordered, **further)

    @property
    def depth(self) -> int:
        """Number of channels, 1 for an image of two axes."""
        return self.channels or 1

    @property
    def picture(self) -> bool:
        """Samples are images, not signals or tables."""
        return not self.line

    def legal(self, height: int, width: int) -> bool:
        if self.sizes is not None:
            return (height, width) in self.sizes
        return self.fitted((height, width)) == (height, width)

    def fitted(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return *size* as an image of any size may have it: lines are long, sides are multiples."""
        height, width = size
        if self.line:
            height, width = (1, height * width) if self.line == "signal" else (height * width, 1)
        rows, columns = self.step
        return -(-height // rows) * rows, -(-width // columns) * columns

    def near(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return *size* if it is legal, else the legal one with the nearest number of pixels."""
        if self.sizes is None:
            return self.fitted(size)
        if size in self.sizes:
            return size
        return min(self.sizes, key=lambda pair: (abs(pair[0] * pair[1] - size[0] * size[1]), pair))

    def numbers(self, levels: Sequence[int]) -> Array:
        """Return what images hold for *levels* 0 to 255."""
        return in_range(np.asarray(levels), self.dtype, self.low, self.high)

    @property
    def ends(self) -> tuple[float, float]:
        """The values of black and white."""
        black, white = (float(v) for v in self.numbers([0, 255]).astype(np.float64))
        return black, white

    def filled(self, levels: Sequence[int], size: tuple[int, int] = ROUND) -> Array:
        """Return an image of one colour; *levels* 0 to 255, one per channel, repeated."""
        height, width = self.near(size)
        pixel = np.resize(self.numbers(levels), self.depth)
        image = np.ascontiguousarray(np.broadcast_to(pixel, (height, width, self.depth)))
        return image if self.channels is not None else image[:, :, 0].copy()
