"""Planted faults of channels and axes: swapped, left in another layout or order."""

from __future__ import annotations

import numpy as np

from suites.preprocessing.functions.fault import family
from suites.preprocessing.functions.references import (
    MEAN,
    RGB_MEAN,
    RGB_STD,
    article,
    detector,
    grey,
    imagenet,
    imagenet_chw,
)

FAULTS, fault = family()


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
