"""Planted faults in places of the image: its tail, its border, the grid it is resized by."""

from __future__ import annotations

import numpy as np

from suites.preprocessing.functions.fault import family
from suites.preprocessing.functions.references import small, small_normalised, small_plain, smooth, unit
from suites.preprocessing.functions.resizers import blur, nearest, resize

FAULTS, fault = family()


# ------------------ places in the image


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


# ------------------ resizing


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


@fault("gamma", unit, 1)
def gamma(image):
    return ((image.astype(np.float32) / 255) ** np.float32(2.2)).astype(np.float32)


@fault("other", unit, 1)
def one_colour(image):
    out = image.astype(np.float32) / 255
    out[(image == (0, 255, 0)).all(-1)] = 0
    return out
