"""Image programs: a few integers render an image, cheap to draw and easy to shrink. NumPy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: What an image shows, simplest first: shrinking goes towards the front.
PATTERNS = (
    "constant", "hot", "gradient-x", "gradient-y", "checker", "faint", "saturated", "ramp", "noise", "photo",
    "pixels",
)  # fmt: skip

#: How an image lies in memory, plainest first.
LAYOUTS = ("C", "readonly", "F", "rows", "columns", "flipped", "mirrored", "reversed-channels", "planar")


@record(frozen=True)
class ImageProgram:
    """An image as integers.

    Attributes:
        height, width: of the image, at least 1.
        channels: size of the last axis; None for an image of two axes.
        dtype: NumPy name of the element type.
        pattern: one of :data:`PATTERNS`.
        values: one level per channel, each 0 to 255, repeated when there are fewer than channels; of ``pixels`` those
            of one pixel after the other.
        level: second level of the patterns that have two (the hot pixel, the other field), 0 to 255.
        seed: of the noise; position of the hot pixel; side of the fields of the checkerboard.
        layout: one of :data:`LAYOUTS`.
        low, high: values of the levels 0 and 255; None for the usual ones of the *dtype*.
    """

    height: int
    width: int
    channels: int | None = 3
    dtype: str = "uint8"
    pattern: str = "constant"
    values: tuple[int, ...] = (0,)
    level: int = 255
    seed: int = 0
    layout: str = "C"
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        size = "x".join(str(n) for n in (self.height, self.width, self.channels) if n is not None)
        return f"{self.pattern} {size}" + (f", {LAYOUT_WORDS[self.layout]}" if self.layout != "C" else "")

    @property
    def fine(self) -> bool:
        """The element type has more than 256 levels: noise then uses all of them."""
        kind = np.dtype(self.dtype)
        return (kind.kind == "f" and self.low is not None) or (kind.kind in "iu" and kind.itemsize > 1)

    def at(self, height: int, width: int) -> ImageProgram:
        """Return the same program at another size."""
        return replace(self, height=height, width=width)

    def render(self) -> Array:
        """Return the image: shape ``(height, width[, channels])``, in the memory layout asked for."""
        depth = self.channels or 1
        levels = _levels(self, depth)
        typed = in_range(levels, self.dtype, self.low, self.high)
        image = np.ascontiguousarray(np.broadcast_to(typed, (self.height, self.width, depth)))
        return lay_out(image if self.channels is not None else image[:, :, 0], self.layout)


def _levels(program: ImageProgram, depth: int) -> Array:
    """Return levels 0 to 255, broadcastable to the image's shape."""
    height, width = program.height, program.width
    base = np.resize(np.asarray(program.values or (0,), dtype=np.int64), depth)
    if program.pattern == "pixels":
        return np.resize(np.asarray(program.values or (0,), dtype=np.int64), (height, width, depth))
    if program.pattern == "noise":
        generator = np.random.default_rng(program.seed)
        if program.fine:
            return np.asarray(generator.random((height, width, depth)) * 255)
        return np.asarray(generator.integers(0, 256, (height, width, depth)))
    if program.pattern == "faint":
        # a few levels around one: low contrast
        noise = np.random.default_rng(program.seed).integers(-2, 3, (height, width, depth))
        return np.asarray(np.clip(base + noise, 0, 255))
    if program.pattern == "photo":
        return _photo(program, height, width, depth)
    if program.pattern == "saturated":
        return np.asarray(255 * np.random.default_rng(program.seed).integers(0, 2, (height, width, depth)))
    if program.pattern == "ramp":
        # every level in every channel, each channel in another order
        steps = np.arange(height * width).reshape(height, width, 1)
        return np.asarray((steps * np.resize([1, 3, 7], depth) + base) % 256)
    rows, columns = np.arange(height).reshape(-1, 1, 1), np.arange(width).reshape(1, -1, 1)
    if program.pattern == "gradient-x":
        return np.asarray((base + columns * max(1, 255 // max(1, width - 1))) % 256)
    if program.pattern == "gradient-y":
        return np.asarray((base + rows * max(1, 255 // max(1, height - 1))) % 256)
    if program.pattern == "checker":
        side = 1 + program.seed % 8
        return np.where((rows // side + columns // side) % 2 == 0, base, program.level)
    if program.pattern == "hot":
        y, x = divmod(program.seed % (height * width), width)
        return np.where((rows == y) & (columns == x), program.level, base)
    return base.reshape(1, 1, depth)


def _photo(program: ImageProgram, height: int, width: int, depth: int) -> Array:
    """Return what a camera sees: soft shading, hard edges, fine texture, bright and dark parts, one cast of colour."""
    generator = np.random.default_rng(program.seed)
    rows, columns = (np.linspace(0, 1, size, dtype=np.float32) for size in (height, width))
    plane = 110 + 60 * np.sin(5 * rows)[:, None] + 50 * np.cos(4 * columns + 1)[None]
    plane += 40 * (np.sin(rows * 37)[:, None] * np.sin(columns * 23)[None] > 0)
    plane += np.resize(generator.integers(-25, 26, 997).astype(np.float32), (height, width))
    cast = np.resize(np.array([1.0, 0.85, 0.7], np.float32), depth) + generator.random(depth, np.float32) * 0.1
    return np.asarray(np.clip(np.rint(plane[..., None] * cast), 0, 255).astype(np.uint8))


def in_range(levels: Array, dtype: str, low: float | None = None, high: float | None = None) -> Array:
    """Return levels 0 to 255 in *dtype*.

    Args:
        levels: numbers from 0 to 255; fractions where the type is finer than 256 levels.
        dtype: NumPy name of the element type.
        low, high: values of the levels 0 and 255. None for the type's own: floats as they are, wider integers spread
            over the range, bool above the middle.
    """
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return levels > 127
    if low is not None and high is not None:
        spread = low + np.asarray(levels, np.float64) * ((high - low) / 255)
        if kind.kind in "iu":
            return np.asarray(np.clip(np.rint(spread), np.ceil(low), np.floor(high)).astype(kind))
        # rounding to a narrow type may step past the ends
        return np.asarray(np.clip(spread.astype(kind), np.asarray(low, kind), np.asarray(high, kind)))
    if kind.kind in "iu" and kind.itemsize > 1:
        top = np.iinfo(kind).max
        if levels.dtype.kind == "f":
            return np.asarray(np.minimum(np.floor(levels * (top / 255)), np.nextafter(float(top), 0)).astype(kind))
        return np.asarray(levels.astype(kind) * kind.type(top // 255))
    if kind == np.dtype(np.int8):
        return (levels.astype(np.int16) - 128).astype(kind)
    return levels.astype(kind)


def limits(given: object, dtype: str) -> tuple[float, float]:
    """Return the lowest and the highest value of *dtype* that *given* names.

    Raises:
        ConfigError: it is not a pair of numbers, the first below the second, that *dtype* holds.
    """
    numbers = (
        [float(v) for v in given]
        if isinstance(given, (list, tuple)) and all(isinstance(v, (int, float)) for v in given)
        else []
    )
    if len(numbers) != 2 or not np.isfinite(numbers).all() or numbers[0] >= numbers[1]:
        raise ConfigError(f"range is {given!r}", remedy="give the lowest and the highest value, such as (0, 1)")
    kind = np.dtype(dtype)
    if kind.kind in "iu" and (numbers[0] < np.iinfo(kind).min or numbers[1] > np.iinfo(kind).max):
        raise ConfigError(f"range is {given!r}, which {dtype} does not hold", remedy='give dtype="float32", or others')
    return numbers[0], numbers[1]


def _strided(image: Array, axis: int) -> Array:
    """Return a view of every other row or column of a larger image, whose other half holds other values."""
    larger = np.repeat(image, 2, axis=axis)
    gaps = (slice(None),) * axis + (slice(1, None, 2),)
    larger[gaps] = larger[gaps] ^ np.array(1, larger.dtype) if larger.dtype.kind in "iub" else larger[gaps] + 1
    return larger[(slice(None),) * axis + (slice(None, None, 2),)]


def _readonly(image: Array) -> Array:
    image.flags.writeable = False
    return image


def _planar(image: Array) -> Array:
    if image.ndim < 3:
        return np.asfortranarray(image)
    return np.ascontiguousarray(image.transpose(2, 0, 1)).transpose(1, 2, 0)


_LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": lambda image: image,
    "readonly": _readonly,
    "F": np.asfortranarray,
    "rows": lambda image: _strided(image, 0),
    "columns": lambda image: _strided(image, 1),
    "flipped": lambda image: np.ascontiguousarray(image[::-1])[::-1],
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1])[:, ::-1],
    "reversed-channels": lambda image: np.ascontiguousarray(image[..., ::-1])[..., ::-1],
    "planar": _planar,
}

#: The layouts in words, for messages.
LAYOUT_WORDS = {
    "C": "C-contiguous",
    "readonly": "read-only",
    "F": "Fortran order",
    "rows": "every other row of a larger array",
    "columns": "every other column of a larger array",
    "flipped": "rows with a negative stride",
    "mirrored": "columns with a negative stride",
    "reversed-channels": "channels with a negative stride (BGR view of RGB)",
    "planar": "HWC view of planar memory",
}


def lay_out(image: Array, layout: str) -> Array:
    """Return the same values in another memory layout of :data:`LAYOUTS`; the result shares no memory with *image*."""
    return _LAYOUTS[layout](np.array(image, order="C"))
