"""Planted faults in the numbers: truncated, wrapped around, in another range, scale, dtype or precision."""

from __future__ import annotations

import numpy as np

from suites.preprocessing.functions.fault import family
from suites.preprocessing.functions.references import (
    MEAN,
    RGB_MEAN,
    RGB_STD,
    article,
    centred,
    detector,
    imagenet,
    same_mean,
    small_bytes,
    small_float_normalised,
    unit,
)
from suites.preprocessing.functions.resizers import resize

FAULTS, fault = family()


# ------------------ truncation


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


# ------------------ wraparound


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


# ------------------ ranges and scales


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


# ------------------ dtype and precision


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
