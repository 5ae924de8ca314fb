"""Planted faults of memory and state: inputs changed, outputs shared, results that vary, strides not heeded."""

from __future__ import annotations

import itertools
import random

import numpy as np

from suites.preprocessing.functions.fault import family
from suites.preprocessing.functions.references import RGB_MEAN, RGB_STD, detector, imagenet, unit

FAULTS, fault = family()


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
