"""Fast rewrites that are truly equivalent: none may be called different."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from suites.preprocessing.functions.references import (
    MEAN,
    RGB_MEAN,
    RGB_STD,
    Function,
    article,
    centred,
    detector,
    grey,
    imagenet,
    imagenet_chw,
    same_mean,
    small,
    smooth,
    unit,
)
from suites.preprocessing.functions.resizers import blur, resize

PAIRS: list[tuple[str, Function, Function, dict[str, Any]]] = []


def pair(reference: Function, **arguments: Any) -> Callable[[Function], Function]:
    def add(candidate: Function) -> Function:
        PAIRS.append((candidate.__name__, reference, candidate, arguments))
        return candidate

    return add


@pair(same_mean)
def scalar_constants(image):
    return (image - 127.0) / 128.0


@pair(article)
def multiplied(image):
    return (image - MEAN.astype(float)) * (1 / 128)


@pair(article)
def per_channel_into_floats(image):
    out = np.empty(image.shape)
    for channel, mean in enumerate((127.0, 120.0, 107.0)):
        np.subtract(image[:, :, channel], mean, out=out[:, :, channel])
    out /= 128
    return out


@pair(imagenet)
def out_arguments(image):
    out = np.empty(image.shape, np.float32)
    np.subtract(image, RGB_MEAN, out=out, dtype=np.float32)
    np.divide(out, RGB_STD, out=out)
    return out


@pair(imagenet)
def scale_and_shift(image):
    return image * (1 / RGB_STD) + (-RGB_MEAN / RGB_STD)


@cache
def _tiled(width: int) -> tuple[np.ndarray, np.ndarray]:
    return np.tile(RGB_MEAN, width), np.tile(RGB_STD, width)


@pair(imagenet)
def tiled_mean(image):
    height, width, _ = image.shape
    mean, std = _tiled(width)
    flat = image.reshape(height, width * 3).astype(np.float32)
    flat -= mean
    flat /= std
    return flat.reshape(image.shape)


_TABLE = ((np.arange(256, dtype=np.float32)[:, None] - RGB_MEAN) / RGB_STD).T.copy()


@pair(imagenet)
def table(image):
    return np.stack([_TABLE[c][image[..., c]] for c in range(3)], axis=-1)


@pair(imagenet_chw, layout="C")
def planes(image):
    out = np.empty((3, *image.shape[:2]), np.float32)
    for channel in range(3):
        np.subtract(image[..., channel], RGB_MEAN[channel], out=out[channel], dtype=np.float32)
        out[channel] /= RGB_STD[channel]
    return out


@pair(detector)
def detector_by_table(image):
    levels = ((np.arange(256) - 127.0) / 128).astype(np.float32)
    return levels[image.transpose(2, 0, 1)[None]]


@pair(detector)
def einsum_transpose(image):
    return np.einsum("hwc->chw", (image - np.float32(127)) / np.float32(128))[None]


@pair(unit)
def own_copy_in_place(image):
    out = image.astype(np.float32)
    out *= np.float32(1 / 255)
    return out


@pair(unit)
def lookup(image):
    return (np.arange(256, dtype=np.float32) / 255).take(image)


@pair(centred)
def through_a_view(image):
    return np.subtract(image, 127, dtype=np.int16)


@pair(grey)
def weighted_sum(image):
    weights = np.array([0.114, 0.587, 0.299], np.float32)
    return np.einsum("hwc,c->hw", image.astype(np.float32), weights)


@pair(smooth)
def two_passes(image):
    wide = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge").astype(np.float32)
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) * np.float32(1 / 9)


@pair(small)
def resized_in_single(image):
    return resize(image.astype(np.float32), 24, 32, antialias=True).astype(np.float32)


@pair(imagenet, shapes=[(48, 64)], shape=(48, 64, 3))
def for_one_size(image):
    mean, std = np.broadcast_to(RGB_MEAN, (48, 64, 3)), np.broadcast_to(RGB_STD, (48, 64, 3))
    return (image.astype(np.float32) - mean) / std


@pair(lambda image: np.zeros((2, 2), np.float32) + image[2, 2, 0])
def refuses_the_same_images(image):
    return np.full((2, 2), image[2, 2, 0], np.float32)


@pair(blur, tolerance={"atol": 1e-2, "rtol": 0})
def coarse_but_allowed(image):
    return (blur(image) + np.float32(4e-3)).astype(np.float32)
