"""Preprocessing functions as they are meant, which rewrites are compared with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from suites.preprocessing.functions.resizers import blur, resize

Function = Callable[[np.ndarray], np.ndarray]
MEAN = np.array([127, 120, 107])
RGB_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
RGB_STD = np.array([58.395, 57.12, 57.375], np.float32)


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
