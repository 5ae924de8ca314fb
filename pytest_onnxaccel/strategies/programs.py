"""Image programs: a few integers render an image, cheap to draw and easy to shrink. NumPy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: What an image shows, simplest first: shrinking goes towards the front.
PATTERNS = ("constant", "hot", "gradient-x", "gradient-y", "checker", "saturated", "ramp", "noise")

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
        values: one level per channel, each 0 to 255, repeated when there are fewer than channels.
        level: second level of the patterns that have two (the hot pixel, the other field), 0 to 255.
        seed: of the noise; position of the hot pixel; side of the fields of the checkerboard.
        layout: one of :data:`LAYOUTS`.
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

    def __str__(self) -> str:
        size = "x".join(str(n) for n in (self.height, self.width, self.channels) if n is not None)
        return f"{self.pattern} {size}" + (f", {LAYOUT_WORDS[self.layout]}" if self.layout != "C" else "")

    def at(self, height: int, width: int) -> ImageProgram:
        """Return the same program at another size."""
        return replace(self, height=height, width=width)

    def render(self) -> Array:
        """Return the image: shape ``(height, width[, channels])``, in the memory layout asked for."""
        depth = self.channels or 1
        levels = _levels(self, depth)
        image = np.ascontiguousarray(_as_dtype(np.broadcast_to(levels, (self.height, self.width, depth)), self.dtype))
        return lay_out(image if self.channels is not None else image[:, :, 0], self.layout)


def _levels(program: ImageProgram, depth: int) -> Array:
    """Return levels 0 to 255, broadcastable to the image's shape."""
    height, width = program.height, program.width
    base = np.resize(np.asarray(program.values or (0,), dtype=np.int64), depth)
    if program.pattern == "noise":
        return np.random.default_rng(program.seed).integers(0, 256, (height, width, depth))
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


def _as_dtype(levels: Array, dtype: str) -> Array:
    """Return levels 0 to 255 in *dtype*.

    Floats as they are, wider integers spread over the range, bool above the middle.
    """
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return levels > 127
    if kind.kind in "iu" and kind.itemsize > 1:
        return (levels * (np.iinfo(kind).max // 255)).astype(kind)
    if kind == np.dtype(np.int8):
        return (levels - 128).astype(kind)
    return levels.astype(kind)


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
