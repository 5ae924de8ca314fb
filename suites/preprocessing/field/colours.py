"""Colours, tone, numbers: what goes wrong between training and a phone."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from suites.preprocessing.field.pair import FieldPair, pair

F = np.float32
MEAN, STD = np.array([0.485, 0.456, 0.406], F), np.array([0.229, 0.224, 0.225], F)


def whole(image: Any) -> Any:
    return np.ascontiguousarray(image)


def grey(*weights: float) -> Any:
    return lambda im: im.astype(F) @ np.array(weights, F)


def srgb(im: Any) -> Any:
    x = im.astype(F) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(F)


def ycc(kr: float, kb: float) -> Any:
    kg = 1 - kr - kb

    def function(im: Any) -> Any:
        r, g, b = (im[..., i].astype(F) for i in range(3))
        y = kr * r + kg * g + kb * b
        return np.stack([y, (b - y) / (2 - 2 * kb) + 128, (r - y) / (2 - 2 * kr) + 128], -1).astype(F)

    return function


def standardised(ddof: int) -> Any:
    def function(im: Any) -> Any:
        x = im.astype(F)
        return (
            (x - x.mean(dtype=np.float64)) / max(float(x.std(dtype=np.float64, ddof=ddof if x.size > 1 else 0)), 1e-6)
        ).astype(F)

    return function


def stretched(low: float, high: float) -> Any:
    def function(im: Any) -> Any:
        x = im.astype(np.float64)
        a, b = np.percentile(x, low), np.percentile(x, high)
        return np.clip((x - a) / max(b - a, 1e-6), 0, 1).astype(F)

    return function


def quantised(zero: int, scale: float = 1.0, dtype: Any = np.int8) -> Any:
    return lambda im: np.clip(np.rint(im.astype(F) * scale) + zero, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(
        dtype
    )


def over(level: float) -> Any:
    def function(im: Any) -> Any:
        a = im[..., 3:].astype(F) / 255
        return (im[..., :3].astype(F) * a + level * (1 - a)).astype(F)

    return function


def normalised(mean: Any = MEAN, std: Any = STD, scale: float = 255.0) -> Any:
    return lambda im: (im.astype(F) / F(scale) - mean) / std


def only_blue(im: Any) -> Any:
    out = im.astype(F)
    out[(im == (0, 0, 255)).all(-1)] = 7
    return out


def saturated_by_torch(im: Any) -> Any:
    import torch

    return (torch.from_numpy(whole(im).copy()).float() * 2 - 100).clamp(0, 255).to(torch.uint8).numpy()


ALPHA = {"shape": (120, 160, 4)}
PAIRS: list[FieldPair] = [
    pair("grey_mean", "grey-weights", grey(0.299, 0.587, 0.114), grey(1 / 3, 1 / 3, 1 / 3), "0.333"),
    pair("grey_709", "grey-weights", grey(0.299, 0.587, 0.114), grey(0.2126, 0.7152, 0.0722)),
    pair("grey_bgr", "channel-swap", lambda im: cv2.cvtColor(whole(im), cv2.COLOR_RGB2GRAY),
         lambda im: cv2.cvtColor(whole(im), cv2.COLOR_BGR2GRAY)),
    pair("ycc_709", "yuv-matrix", ycc(0.299, 0.114), ycc(0.2126, 0.0722)),
    pair("nv12_range", "yuv-matrix", lambda im: cv2.cvtColor(whole(im), cv2.COLOR_YUV2RGB_NV12), lambda im: np.clip(
        _nv12_full(im), 0, 255).astype(np.uint8), inputs="yuv420"),
    pair("nv21", "channel-swap", lambda im: cv2.cvtColor(whole(im), cv2.COLOR_YUV2RGB_NV12),
         lambda im: cv2.cvtColor(whole(im), cv2.COLOR_YUV2RGB_NV21), "U and V", inputs="yuv420"),
    pair("alpha_ignored", "alpha", over(255), lambda im: im[..., :3].astype(F), **ALPHA),
    pair("alpha_on_black", "alpha", over(255), over(0), **ALPHA),
    pair("gamma_22", "gamma", srgb, lambda im: (im / F(255)) ** F(1.5)),
    pair("linear_light", "gamma", lambda im: im.astype(F) / F(255), srgb),
    pair("ddof", "statistics", standardised(0), standardised(1), "ddof"),
    pair("percentiles", "statistics", stretched(1, 99), stretched(2, 98)),
    pair("minmax", "statistics", stretched(0, 100), stretched(1, 99)),
    pair("zero_point", "zero-point", quantised(-128), quantised(-127)),
    pair("zero_point_uint8", "zero-point", quantised(-128), lambda im: im.copy()),
    pair("wraps_at_255", "wraparound", lambda im: np.clip(im.astype(np.int16) + 60, 0, 255).astype(np.uint8),
         lambda im: im + np.uint8(60)),
    pair("contrast_wraps", "wraparound", saturated_by_torch,
         lambda im: (im.astype(np.int32) * 2 - 100).astype(np.uint8)),
    pair("not_clipped", "value-range", lambda im: np.clip(im.astype(F) / 128 - 0.5, 0, 1),
         lambda im: im.astype(F) / 128 - F(0.5), "clipped"),
    pair("half_in_the_graph", "precision", normalised(), lambda im: normalised()(im).astype(np.float16).astype(F)),
    pair("std_of_bgr", "channel-stat-order", normalised(), normalised(MEAN[::-1].copy(), STD[::-1].copy())),
    pair("divided_by_256", "scale", normalised(), normalised(scale=256)),
    pair("twice_divided", "value-range", normalised(), lambda im: normalised()(im / 255)),
    pair("one_colour", "other", lambda im: im.astype(F), only_blue),
    pair("rounding_hides_a_colour", "other|channel-swap", lambda im: im.astype(F) / 255,
         lambda im: _warm(im), tolerance={"atol": 1e-7, "rtol": 0}),
    pair("truncated_mean", "truncation", lambda im: im.astype(F) - np.array([123.7, 116.3, 103.5], F),
         lambda im: im.astype(F) - np.array([123, 116, 103], F)),
    pair("grey_by_opencv", "", lambda im: np.asarray(cv2.cvtColor(whole(im), cv2.COLOR_RGB2GRAY)),
         lambda im: np.rint(grey(0.299, 0.587, 0.114)(im)).astype(np.uint8), levels=1),
    pair("alpha_blend_reordered", "", over(255), lambda im: (255 + (im[..., :3].astype(F) - 255) * (
        im[..., 3:].astype(F) / 255)).astype(F), **ALPHA),
    pair("saturating_add", "", lambda im: np.clip(im.astype(np.int16) + 60, 0, 255).astype(np.uint8),
         lambda im: cv2.add(whole(im), np.full(im.shape, 60, np.uint8))),
    pair("standardised_by_opencv", "", standardised(0), lambda im: _by_opencv(im), tolerance={"atol": 1e-4, "rtol": 0}),
    pair("normalised_in_torch", "", normalised(), lambda im: _torch(im), tolerance=16),
]  # fmt: skip


def _nv12_full(im: Any) -> Any:
    height, width = im.shape[0] * 2 // 3, im.shape[1]
    y = im[:height].astype(F)
    uv = im[height:].reshape(height // 2, width // 2, 2).repeat(2, 0).repeat(2, 1).astype(F) - 128
    u, v = uv[..., 0], uv[..., 1]
    return np.rint(np.stack([y + 1.402 * v, y - 0.344 * u - 0.714 * v, y + 1.772 * u], -1))


def _warm(im: Any) -> Any:
    out = im.astype(F) * F(1 / 255)
    out[..., 0] += F(0.2) * ((im[..., 0] > 200) & (im[..., 2] < 40))
    return out


def _by_opencv(im: Any) -> Any:
    mean, std = im.mean(dtype=np.float64), im.std(dtype=np.float64)
    return ((im.astype(np.float64) - mean) * (1 / max(std, 1e-6))).astype(F)


def _torch(im: Any) -> Any:
    import torch

    x = torch.from_numpy(whole(im).copy()).permute(2, 0, 1).float().div(255)
    x = (x - torch.from_numpy(MEAN)[:, None, None]) / torch.from_numpy(STD)[:, None, None]
    return x.permute(1, 2, 0)
