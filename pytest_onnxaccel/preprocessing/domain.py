"""Which images are legal: the deployed shape, the other sizes, the element type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record

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
    """

    height: int
    width: int
    channels: int | None
    dtype: str = "uint8"
    sizes: tuple[tuple[int, int], ...] | None = None
    strategy: Any = field(default=None, compare=False)

    @classmethod
    def of(cls, shape: Sequence[int], shapes: Any, dtype: str = "uint8") -> Domain:
        """Parse ``shape`` and ``shapes`` as the user wrote them.

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
            return cls(height, width, channels, dtype)
        if not isinstance(shapes, (list, tuple, set, frozenset)):
            return cls(height, width, channels, dtype, ((height, width),), shapes)
        try:
            pairs = {(int(h), int(w)) for h, w in shapes} | {(height, width)}
        except (TypeError, ValueError):
            raise ConfigError(f"shapes is {shapes!r}; each legal size is an (H, W)") from None
        if min(min(pair) for pair in pairs) < 1:
            raise ConfigError(f"shapes is {shapes!r}; each legal size is an (H, W) of at least 1 by 1")
        return cls(height, width, channels, dtype, tuple(sorted(pairs, key=lambda p: (p[0] * p[1], p))))

    @property
    def depth(self) -> int:
        """Number of channels, 1 for an image of two axes."""
        return self.channels or 1

    def legal(self, height: int, width: int) -> bool:
        return self.sizes is None or (height, width) in self.sizes

    def near(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return *size* if it is legal, else the legal one with the nearest number of pixels."""
        if self.sizes is None or size in self.sizes:
            return size
        return min(self.sizes, key=lambda pair: (abs(pair[0] * pair[1] - size[0] * size[1]), pair))

    def filled(self, levels: Sequence[int], size: tuple[int, int] = ROUND) -> Array:
        """Return an image of one colour; *levels* one per channel, repeated, in the image's own type."""
        height, width = self.near(size)
        pixel = np.resize(np.asarray(levels), self.depth).astype(self.dtype)
        image = np.ascontiguousarray(np.broadcast_to(pixel, (height, width, self.depth)))
        return image if self.channels is not None else image[:, :, 0].copy()
