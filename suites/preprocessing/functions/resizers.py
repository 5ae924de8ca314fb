"""Plain NumPy resizers, for the planted faults: the same size of result by four recipes."""

from __future__ import annotations

import numpy as np


def weights(size: int, out: int, antialias: bool, grid: str) -> np.ndarray:
    """Matrix (out, size) of a triangle filter; *grid* is ``half`` (pixel centres), ``corners`` or ``origin``."""
    scale = size / out
    at = np.arange(out)
    centre = {
        "half": (at + 0.5) * scale - 0.5,
        "corners": at * ((size - 1) / max(1, out - 1)),
        "origin": at * scale,
    }[grid]
    reach = max(scale, 1.0) if antialias else 1.0
    if not antialias:
        centre = np.clip(centre, 0, size - 1)
    matrix = np.maximum(0, 1 - np.abs(np.arange(size)[None] - centre[:, None]) / reach)
    return matrix / matrix.sum(1, keepdims=True)


def resize(image: np.ndarray, height: int, width: int, antialias: bool = False, grid: str = "half") -> np.ndarray:
    """(H, W, C) to (height, width, C), float64."""
    down = weights(image.shape[0], height, antialias, grid)
    across = weights(image.shape[1], width, antialias, grid)
    return np.einsum("ih,hwc,jw->ijc", down, image.astype(np.float64), across, optimize=True)


def nearest(image: np.ndarray, height: int, width: int) -> np.ndarray:
    rows = np.arange(height) * image.shape[0] // height
    columns = np.arange(width) * image.shape[1] // width
    return image[rows][:, columns].astype(np.float64)


def blur(image: np.ndarray, mode: str = "edge") -> np.ndarray:
    """3x3 mean with the border padded by *mode*."""
    wide = np.pad(image.astype(np.float32), ((1, 1), (1, 1), (0, 0)), mode=mode)
    height, width = image.shape[:2]
    parts = [wide[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return sum(parts[1:], parts[0]) / np.float32(9)
