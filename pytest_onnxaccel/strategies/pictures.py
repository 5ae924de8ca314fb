"""Strategies of images: hypothesis draws the integers of an image program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.strategies.programs import LAYOUTS, PATTERNS, ImageProgram, limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Levels of a colour: the ends and the middle more often than the rest.
_LEVELS = st.integers(0, 255) | st.sampled_from((0, 255, 128, 127, 1, 254))

#: Patterns that a seed or a few levels make; of the others each pixel is drawn.
_DRAWN = tuple(pattern for pattern in PATTERNS if pattern not in ("pixels", "saturated"))

Shapes = str | Sequence[tuple[int, int]] | st.SearchStrategy[tuple[int, int]]


def images(
    shapes: Shapes = "any",
    channels: int | Sequence[int] | None = 3,
    dtype: str = "uint8",
    layouts: bool | Sequence[str] = True,
    max_side: int = 64,
    range: tuple[float, float] | None = None,
) -> st.SearchStrategy[NDArray[Any]]:
    """Draw images ``(H, W, channels)``, or ``(H, W)`` where *channels* is None; they shrink to 1x1 and zeros.

    Args:
        shapes: ``"any"`` for sides from 1 to *max_side*; the legal ``(H, W)`` sizes; or a strategy of them.
        channels: number of channels, None for an image of two axes, or several to choose from.
        dtype: NumPy name of the element type; floats get the values 0 to 255, integers all of their own.
        layouts: also strided, Fortran-order, negative-stride and read-only views; or the names of those wanted.
        max_side: largest side for ``"any"``.
        range: lowest and highest value, such as ``(0, 1)`` for floats or ``(0, 4095)`` for 12 bits in uint16.

    Raises:
        ConfigError: ``shapes``, ``layouts`` or ``range`` is none of these.
    """
    return image_programs(shapes, channels, dtype, layouts, max_side, range).map(rendered)


def rendered(program: ImageProgram) -> NDArray[Any]:
    """Return the image that a program makes: hypothesis prints this call, to be pasted into a test."""
    return program.render()


def image_programs(
    shapes: Shapes = "any",
    channels: int | Sequence[int] | None = 3,
    dtype: str = "uint8",
    layouts: bool | Sequence[str] = True,
    max_side: int = 64,
    range: tuple[float, float] | None = None,
) -> st.SearchStrategy[ImageProgram]:
    """Return the programs behind :func:`images`, same arguments: what a failing test should print."""
    sizes = _sizes(shapes, max_side)
    low, high = limits(range, dtype) if range is not None else (None, None)
    depths = st.sampled_from(list(channels)) if isinstance(channels, Sequence) else st.just(channels)
    wanted = st.sampled_from(_layouts(layouts))
    # Pixel by pixel: what fails for one colour shrinks to one pixel of it
    ends = st.sampled_from((0, 255))
    pixel = st.tuples(*[ends] * 3) | st.tuples(*[_LEVELS] * 3)
    pixels = st.tuples(st.lists(pixel, min_size=1, max_size=24), st.integers(1, 6))
    pattern = st.tuples(st.sampled_from(_DRAWN), st.tuples(*[_LEVELS] * 3), _LEVELS, st.integers(0, 2**16 - 1))
    free = isinstance(shapes, str)

    # not builds(): hypothesis would print its lambdas, where a program prints as code that makes it
    @st.composite
    def program(draw: st.DrawFn) -> ImageProgram:
        parts = draw(pixels | pattern)
        if len(parts) == 2:
            points, width = parts
            side = (-(-len(points) // width), min(width, len(points))) if free else draw(sizes)
            depth = draw(depths)
            levels = tuple(level for point in points for level in np.resize(point, depth or 1).tolist())
            parts = ("pixels", levels, 255, 0)
        else:
            side, depth = draw(sizes), draw(depths)
        name, values, level, seed = parts
        height, width = side
        return ImageProgram(height, width, depth, str(dtype), name, values, level, seed, draw(wanted), low, high)

    return program()


def batches(images: st.SearchStrategy[NDArray[Any]], least: int = 1, most: int = 4) -> st.SearchStrategy[NDArray[Any]]:
    """Draw batches ``(N, H, W, channels)`` of *least* to *most* images, all of the size of the first."""

    def stacked(parts: list[NDArray[Any]]) -> NDArray[Any]:
        first = parts[0]
        return np.stack([first, *(np.resize(np.ascontiguousarray(part), first.shape) for part in parts[1:])])

    return st.lists(images, min_size=least, max_size=most).map(stacked)


def _sizes(shapes: Shapes, max_side: int) -> st.SearchStrategy[tuple[int, int]]:
    if isinstance(shapes, st.SearchStrategy):
        return shapes
    if isinstance(shapes, str):
        if shapes != "any":
            raise ConfigError(f'shapes is {shapes!r}; it is "any", a list of (H, W) or a strategy of them')
        side = st.integers(1, max_side)
        return st.tuples(side, side)
    pairs = [(int(h), int(w)) for h, w in shapes]
    if not pairs or min(min(pair) for pair in pairs) < 1:
        raise ConfigError(f"shapes is {list(shapes)!r}; each size is an (H, W) of at least 1 by 1")
    return st.sampled_from(sorted(set(pairs), key=lambda pair: pair[0] * pair[1]))


def _layouts(layouts: bool | Sequence[str]) -> list[str]:
    if isinstance(layouts, bool):
        return list(LAYOUTS) if layouts else ["C"]
    unknown = [name for name in layouts if name not in LAYOUTS]
    if unknown or not layouts:
        raise ConfigError(f"layouts holds {unknown or 'nothing'}; known are {', '.join(LAYOUTS)}")
    return list(layouts)
