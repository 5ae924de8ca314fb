"""Exhaustive proofs: where a function treats each channel or each pixel alone, all of its inputs can be tried."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.guarded_call import Failure, Function, Pair, call
from pytest_onnxaccel.preprocessing.results.differences import beyond
from pytest_onnxaccel.strategies.programs import ImageProgram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

PER_CHANNEL = "per-channel 256 values"
PER_PIXEL = "per-pixel 2^24 colours"

#: Most seconds that trying all colours may take, by the time of the first chunk.
CAP_S = 3.0
#: Side of the square images that hold a chunk of the colours.
CHUNK = 256


def exhaustive(pair: Pair) -> tuple[str, Failure | None]:
    """Return what could be proven, as a label, and the first input that refutes it.

    That each element (or pixel) is treated alone is itself an observation on several images, not a proof; what is
    exhaustive are the values.
    """
    domain = pair.domain
    if domain.dtype not in ("uint8", "int8"):
        return f"none: {domain.dtype} has too many values", None
    if _per_channel(pair, pair.reference) and _per_channel(pair, pair.candidate):
        return PER_CHANNEL, None
    if domain.channels != 3 or domain.dtype != "uint8" or not domain.legal(CHUNK, CHUNK):
        return "none: neither per channel nor of three channels at any size", None
    if not (_per_pixel(pair, pair.reference) and _per_pixel(pair, pair.candidate)):
        return "none: a result depends on more than one pixel", None
    return _all_colours(pair)


def _per_channel(pair: Pair, function: Function) -> bool:
    """Return whether the result at each position depends on the input at one position alone.

    The table comes from the image that holds every level in every channel, a standard one that was compared already.
    """
    domain = pair.domain
    size = domain.near((16, 16))
    if size[0] * size[1] < 256:
        return False
    ramp = ImageProgram(*size, domain.channels, domain.dtype, "ramp").render()
    noises = [
        ImageProgram(*domain.near(near), domain.channels, domain.dtype, "noise", seed=seed).render()
        for seed, near in enumerate(((17, 31), (5, 64)))
    ]
    for arrange in (_last, _first):
        result = call(function, ramp).value
        placed = None if result is None else arrange(result, ramp)
        if placed is None:
            continue
        table = np.zeros((domain.depth, 256), placed.dtype)
        for channel in range(domain.depth):
            table[channel, _index(ramp, channel)] = placed[..., channel].reshape(-1)
        if all(_follows(pair, function, noise, table, arrange) for noise in noises):
            return True
    return False


def _follows(pair: Pair, function: Function, image: Array, table: Array, arrange: Any) -> bool:
    result = call(function, image).value
    placed = None if result is None else arrange(result, image)
    if placed is None:
        return False
    expected = np.stack([table[c, _index(image, c)] for c in range(len(table))], axis=-1).reshape(placed.shape)
    return _agree(pair, expected, placed)


def _agree(pair: Pair, left: Array, right: Array) -> bool:
    """Return whether the two are equal within the tolerance: vector code may round a pixel differently elsewhere."""
    return left.shape == right.shape and beyond(left, right, pair.bound, pair.scale) is None


def _index(image: Array, channel: int) -> Array:
    """Return the values of one channel as indices 0 to 255, flat."""
    values = image[..., channel] if image.ndim == 3 else image
    return values.reshape(-1).astype(np.uint8)


def _last(result: Array, image: Array) -> Array | None:
    """Return *result* as (H, W, channels) if it is laid out so, leading axes of 1 dropped."""
    height, width, depth = (*image.shape, 1)[:3]
    fits = _bare(result) == (height, width, depth) or (depth == 1 and _bare(result) == (height, width))
    return result.reshape(height, width, depth) if fits else None


def _first(result: Array, image: Array) -> Array | None:
    """Return *result* as (H, W, channels) if it is laid out as (channels, H, W), leading axes of 1 dropped."""
    height, width, depth = (*image.shape, 1)[:3]
    if _bare(result) != (depth, height, width):
        return None
    return result.reshape(depth, height, width).transpose(1, 2, 0)


def _bare(result: Array) -> tuple[int, ...]:
    shape = result.shape
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _per_pixel(pair: Pair, function: Function) -> bool:
    """Return whether shuffling or exchanging pixels of an image does the same to the result, there alone."""
    for seed, (height, width) in enumerate(((12, 20), (33, 7))):
        generator = np.random.default_rng(seed)
        first, second = (generator.integers(0, 256, (height * width, 3)).astype(np.uint8) for _ in range(2))
        order = generator.permutation(height * width)
        mask = generator.integers(0, 3, height * width) == 0
        mixed = np.where(mask[:, None], first // 2, second)
        one, two, shuffled, both = (
            _pixels(call(function, pixels.reshape(height, width, 3)).value, height, width)
            for pixels in (first // 2, second, second[order], mixed)
        )
        if one is None or two is None or shuffled is None or both is None:
            return False
        if not (_agree(pair, two[order], shuffled) and _agree(pair, np.where(mask[:, None], one, two), both)):
            return False
    return True


def _pixels(result: Array | None, height: int, width: int) -> Array | None:
    """Return *result* as (pixels, whatever), or None where it has no axes of the image's size."""
    if result is None:
        return None
    shape = result.shape
    for axis in range(len(shape) - 1):
        if shape[axis : axis + 2] == (height, width):
            return np.moveaxis(result, (axis, axis + 1), (0, 1)).reshape(height * width, -1)
    return None


def _all_colours(pair: Pair) -> tuple[str, Failure | None]:
    image = np.empty((CHUNK, CHUNK, 3), np.uint8)
    image[..., 0] = np.arange(256, dtype=np.uint8)
    image[..., 1] = np.arange(256, dtype=np.uint8)[:, None]
    start = time.perf_counter()
    for level in range(256):
        # a step coprime to 256 visits distant levels first, so that a fault is met early
        image[..., 2] = (level * 91) % 256
        failure = pair.examine(image)
        if failure is not None:
            return "none: refuted", failure
        estimate = (time.perf_counter() - start) / (level + 1) * 256
        if level == 3 and estimate > CAP_S:
            return f"none: all 2^24 colours would take {estimate:.0f} s", None
    return PER_PIXEL, None
