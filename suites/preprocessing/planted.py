"""Faulty rewrites of preprocessing functions as people write them, each with the kind that it should be given.

Written from the faults, not from the comparator: nothing here imports it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from suites.preprocessing.resizers import blur, nearest, resize

Function = Callable[[np.ndarray], np.ndarray]
MEAN = np.array([127, 120, 107])
RGB_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
RGB_STD = np.array([58.395, 57.12, 57.375], np.float32)


@dataclass(frozen=True)
class Fault:
    """One fault: two functions, the kind expected, and the largest number of pixels of a good smallest image."""

    name: str
    kind: str
    reference: Function
    candidate: Function
    pixels: int = 1
    arguments: dict[str, Any] = field(default_factory=dict)


FAULTS: list[Fault] = []


def fault(kind: str, reference: Function, pixels: int = 1, **arguments: Any) -> Callable[[Function], Function]:
    def add(candidate: Function) -> Function:
        FAULTS.append(Fault(candidate.__name__, kind, reference, candidate, pixels, arguments))
        return candidate

    return add


# ------------------------------------------------------------------ references


def article(image):
    return (image - MEAN) / 128


def same_mean(image):
    return (image - np.array([127, 127, 127])) / 128


def detector(image):
    return ((image.astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]


def imagenet(image):
    return (image.astype(np.float32) - RGB_MEAN) / RGB_STD


def imagenet_chw(image):
    return np.ascontiguousarray(((image.astype(np.float32) - RGB_MEAN) / RGB_STD).transpose(2, 0, 1))


def unit(image):
    return image.astype(np.float32) / 255


def centred(image):
    return image.astype(np.int16) - 127


def grey(image):
    return (image.astype(np.float32) @ np.array([0.114, 0.587, 0.299], np.float32)).astype(np.float32)


def smooth(image):
    return blur(image)


def small(image):
    return resize(image, 24, 32, antialias=True).astype(np.float32)


def small_plain(image):
    return resize(image, 24, 32).astype(np.float32)


def small_bytes(image):
    return np.rint(resize(image, 24, 32)).astype(np.uint8)


def small_normalised(image):
    return ((np.rint(resize(image, 24, 32)) - 127) / 128).astype(np.float32)


def small_float_normalised(image):
    return ((resize(image, 24, 32) - 127) / 128).astype(np.float32)


# ------------------------------------------------------------------ truncation


@fault("truncation", article)
def article_elegant(image):
    out = np.zeros_like(image)
    out[:, :, 0] = (image[:, :, 0] - 127.0) / 128.0
    out[:, :, 1] = (image[:, :, 1] - 120.0) / 128.0
    out[:, :, 2] = (image[:, :, 2] - 107.0) / 128.0
    return out


@fault("truncation", unit)
def truncated_then_cast(image):
    return (image / 255.0).astype(np.uint8).astype(np.float32)


@fault("truncation", imagenet)
def integer_mean(image):
    return (image.astype(np.float32) - RGB_MEAN.astype(np.uint8)) / RGB_STD


@fault("truncation", small_bytes, 64)
def resized_without_rounding(image):
    return resize(image, 24, 32).astype(np.uint8)


@fault("truncation", small_float_normalised, 64)
def truncated_before_scaling(image):
    return ((resize(image, 24, 32).astype(np.uint8) - 127.0) / 128).astype(np.float32)


@fault("truncation", article)
def floor_division(image):
    return (image - MEAN) // 128 * 1.0


# ------------------------------------------------------------------ wraparound


@fault("wraparound", detector)
def uint8_minus_127(image):
    return ((image - 127).astype(np.float32) / 128).transpose(2, 0, 1)[None]


@fault("wraparound", centred)
def uint8_kept(image):
    return (image - np.uint8(127)).astype(np.int16)


@fault("wraparound", centred)
def uint8_result(image):
    return image - np.uint8(127)


@fault("wraparound", same_mean)
def in_place_subtract(image):
    copy = image.copy()
    copy -= 127
    return copy / 128


@fault("wraparound", imagenet)
def int8_view(image):
    return (image.view(np.int8).astype(np.float32) - RGB_MEAN) / RGB_STD


# ------------------------------------------------------------------ ranges and scales


@fault("value-range", imagenet)
def forgot_to_divide(image):
    return (image.astype(np.float32) / 255 - RGB_MEAN) / RGB_STD


@fault("value-range", detector)
def unit_range(image):
    return (image.astype(np.float32) / 255).transpose(2, 0, 1)[None]


@fault("value-range", unit)
def left_in_bytes(image):
    return image.astype(np.float32)


@fault("value-range", unit)
def minus_one_to_one(image):
    return image.astype(np.float32) / np.float32(127.5) - 1


@fault("value-range", centred)
def clipped_at_zero(image):
    return np.maximum(image.astype(np.int16) - 127, 0).astype(np.int16)


@fault("scale", detector)
def over_127_5(image):
    return ((image.astype(np.float32) - 127) / np.float32(127.5)).transpose(2, 0, 1)[None]


@fault("scale", imagenet)
def one_std_for_all(image):
    return (image.astype(np.float32) - RGB_MEAN) / np.float32(57.7)


@fault("scale", unit)
def over_256(image):
    return image.astype(np.float32) / 256


@fault("scale", same_mean)
def mean_128(image):
    return (image - 128.0) / 128.0


# ------------------------------------------------------------------ channels and axes


@fault("channel-swap", imagenet)
def bgr_for_rgb(image):
    return (image[..., ::-1].astype(np.float32) - RGB_MEAN) / RGB_STD


@fault("channel-swap", detector)
def swapped_after(image):
    return ((image.astype(np.float32) - 127) / 128)[..., ::-1].transpose(2, 0, 1)[None]


@fault("channel-swap", grey)
def grey_of_rgb(image):
    return (image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.float32)


@fault("channel-swap", imagenet_chw)
def rotated_channels(image):
    return np.ascontiguousarray(((image.astype(np.float32) - RGB_MEAN) / RGB_STD).transpose(2, 0, 1)[[1, 2, 0]])


@fault("channel-stat-order", imagenet)
def mean_and_std_reversed(image):
    return (image.astype(np.float32) - RGB_MEAN[::-1]) / RGB_STD[::-1]


@fault("channel-stat-order", article)
def mean_reversed(image):
    return (image - MEAN[::-1]) / 128


@fault("channel-stat-order", imagenet_chw)
def only_mean_reversed(image):
    return np.ascontiguousarray(((image.astype(np.float32) - RGB_MEAN[::-1]) / RGB_STD).transpose(2, 0, 1))


@fault("layout", imagenet_chw, 1)
def left_hwc(image):
    return (image.astype(np.float32) - RGB_MEAN) / RGB_STD


@fault("layout", detector, 1)
def batch_of_hwc(image):
    return ((image.astype(np.float32) - 127) / 128)[None]


@fault("layout", imagenet_chw, 2, layout="C")
def lazy_transpose(image):
    return ((image.astype(np.float32) - RGB_MEAN) / RGB_STD).transpose(2, 0, 1)


@fault("axis-order", detector, 4)
def cwh(image):
    return ((image.astype(np.float32) - 127) / 128).transpose(2, 1, 0)[None]


@fault("axis-order", imagenet_chw, 2)
def reshaped_not_transposed(image):
    out = (image.astype(np.float32) - RGB_MEAN) / RGB_STD
    return out.reshape(3, image.shape[0], image.shape[1])


@fault("shape", detector, 1)
def no_batch_axis(image):
    return ((image.astype(np.float32) - 127) / 128).transpose(2, 0, 1)


# ------------------------------------------------------------------ dtype and precision


@fault("dtype", detector)
def float64_result(image):
    return ((image - 127.0) / 128.0).transpose(2, 0, 1)[None]


@fault("dtype", imagenet)
def big_endian(image):
    return ((image.astype(np.float32) - RGB_MEAN) / RGB_STD).astype(">f4")


@fault("precision", imagenet)
def in_half(image):
    return ((image.astype(np.float16) - RGB_MEAN.astype(np.float16)) / RGB_STD.astype(np.float16)).astype(np.float32)


@fault("precision", article)
def in_single(image):
    return ((image.astype(np.float32) - MEAN.astype(np.float32)) * np.float32(1 / 127.99999)).astype(np.float64)


# ------------------------------------------------------------------ memory and state


@fault("input-mutation", unit)
def clears_its_input(image):
    out = image.astype(np.float32) / 255
    image[image > 250] = 250
    return out


@fault("input-mutation", detector)
def swaps_in_place(image):
    out = ((image.astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]
    image[..., 0], image[..., 2] = image[..., 2].copy(), image[..., 0].copy()
    return out


_BUFFERS: dict[tuple[int, ...], np.ndarray] = {}


@fault("output-aliasing", unit)
def static_buffer(image):
    out = _BUFFERS.setdefault(image.shape, np.empty(image.shape, np.float32))
    return np.divide(image, np.float32(255), out=out, dtype=np.float32)


_GENERATOR = random.Random(1)
_COUNT = itertools.count()


@fault("nondeterministic", unit)
def dithered(image):
    return image.astype(np.float32) / 255 + np.float32(_GENERATOR.random() * 1e-3)


@fault("nondeterministic", imagenet)
def counts_calls(image):
    return (image.astype(np.float32) - RGB_MEAN) / RGB_STD * np.float32(1 if next(_COUNT) % 5 else 1.01)


_STATE = {"mean": 0.0}


@fault("nondeterministic", unit)
def running_mean(image):
    _STATE["mean"] = 0.99 * _STATE["mean"] + 0.01 * float(image.mean())
    return image.astype(np.float32) / 255 + np.float32(_STATE["mean"] * 1e-3)


@fault("input-strides", unit, 6)
def reads_memory_order(image):
    flat = np.frombuffer(image.tobytes("A"), np.uint8)
    return flat.reshape(image.shape).astype(np.float32) / 255


@fault("input-strides", unit, 6)
def reads_past_strides(image):
    base = image
    while isinstance(base.base, np.ndarray):
        base = base.base
    return (base.reshape(-1)[: image.size].reshape(image.shape) / np.float32(255)).astype(np.float32)


@fault("raises", unit, 6)
def needs_contiguous(image):
    return np.frombuffer(image.data, np.uint8).reshape(image.shape).astype(np.float32) / 255


@fault("raises", unit)
def refuses_black(image):
    return (image / np.float32(255) * (1 // int(image.max())) ** 0).astype(np.float32)


# ------------------------------------------------------------------ places in the image


@fault("shape-tail", unit, 1)
def unrolled_by_four(image):
    out = np.zeros(image.shape, np.float32)
    width = image.shape[1] // 4 * 4
    out[:, :width] = image[:, :width].astype(np.float32) / 255
    return out


@fault("shape-tail", unit, 2)
def even_width_only(image):
    return image[:, : image.shape[1] // 2 * 2].astype(np.float32) / 255


@fault("shape-tail", unit, 8)
def blocks_of_sixteen(image):
    flat = image.astype(np.float32).reshape(-1)
    end = flat.size // 16 * 16
    flat[:end] /= 255
    return flat.reshape(image.shape)


@fault("border", smooth, 9)
def zero_border(image):
    return blur(image, "constant")


@fault("border", smooth, 9)
def reflected_border(image):
    return blur(image, "reflect" if min(image.shape[:2]) > 1 else "edge")


@fault("border", unit, 9)
def skips_the_edge(image):
    out = np.zeros(image.shape, np.float32)
    out[1:-1, 1:-1] = image[1:-1, 1:-1].astype(np.float32) / 255
    return out


# ------------------------------------------------------------------ resizing


@fault("resample-antialias", small, 64)
def without_antialias(image):
    return resize(image, 24, 32, antialias=False).astype(np.float32)


@fault("resample-antialias", small_plain, 64)
def with_antialias(image):
    return resize(image, 24, 32, antialias=True).astype(np.float32)


@fault("resample-grid", small_plain, 64)
def corners_aligned(image):
    return resize(image, 24, 32, grid="corners").astype(np.float32)


@fault("resample-grid", small_plain, 64)
def from_the_origin(image):
    return resize(image, 24, 32, grid="origin").astype(np.float32)


@fault("resample-grid", small_normalised, 64)
def nearest_neighbour(image):
    return ((nearest(image, 24, 32) - 127) / 128).astype(np.float32)


@fault("other", unit, 1)
def gamma(image):
    return ((image.astype(np.float32) / 255) ** np.float32(2.2)).astype(np.float32)
