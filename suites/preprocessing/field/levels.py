"""Further pairs: levels, weights, ranges, types of numbers, and what functions keep between calls."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from PIL import Image

from suites.preprocessing.field.colours import MEAN, STD, grey, normalised, over, srgb, whole
from suites.preprocessing.field.pair import FieldPair, pair

F = np.float32


def grey_by_shifts(im: Any) -> Any:
    x = im.astype(np.uint32)
    return ((x[..., 0] * 77 + x[..., 1] * 150 + x[..., 2] * 29 + 128) >> 8).astype(np.uint8)


def decoded(kr: float, kb: float, planar: bool = False, stride: int = 1) -> Any:
    """Return YUV 4:2:0 (NV12, or I420) to RGB in floats."""
    kg = 1 - kr - kb

    def function(im: Any) -> Any:
        height, width = im.shape[0] * 2 // 3, im.shape[1]
        wide = -(-width // stride) * stride
        flat = im.reshape(-1)
        flat = np.concatenate([flat, np.zeros(wide * im.shape[0] - flat.size, np.uint8)])
        rows = flat.reshape(im.shape[0], wide)[:, :width].astype(F)
        y, chroma = rows[:height], rows[height:]
        if planar:
            u, v = chroma.reshape(2, height // 2, width // 2)
        else:
            u, v = chroma[:, 0::2], chroma[:, 1::2]
        u, v = ((c - 128).repeat(2, 0).repeat(2, 1) for c in (u, v))
        r, b = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
        return np.stack([r, (y - kr * r - kb * b) / kg, b], -1).astype(F)

    return function


def standardised(axes: Any = None, eps: float = 1e-6, add: bool = False) -> Any:
    def function(im: Any) -> Any:
        x = im.astype(np.float64)
        std = x.std(axes, keepdims=True)
        return ((x - x.mean(axes, keepdims=True)) / (std + eps if add else np.maximum(std, eps))).astype(F)

    return function


def stretched(method: str) -> Any:
    def function(im: Any) -> Any:
        a, b = (np.percentile(im, q, method=method) for q in (1, 99))
        return np.clip((im.astype(F) - F(a)) / F(max(b - a, 1)), 0, 1)

    return function


class Running:
    """Divides by the largest value seen so far."""

    def __init__(self) -> None:
        self.most = 1.0

    def __call__(self, im: Any) -> Any:
        self.most = max(self.most, float(im.max()))
        return (im / F(self.most)).astype(F)


class Buffer:
    """Gives the same memory for each image of one shape."""

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}

    def __call__(self, im: Any) -> Any:
        out = self.kept.setdefault(im.shape, np.empty(im.shape, F))
        np.divide(im, F(255), out=out)
        return out


def in_place(x: Any) -> Any:
    x -= F(0.5)
    return x


def dithered(im: Any) -> Any:
    return (im + np.random.default_rng().normal(0, 0.1, im.shape)).astype(F)


def of_strides(im: Any) -> Any:
    """Read memory as it stands."""
    return np.frombuffer(im.tobytes(order="A"), im.dtype).reshape(im.shape).astype(F)


def by_torch(im: Any) -> Any:
    import torch

    return torch.from_numpy(im).float() / 255


def by_bfloat16(im: Any) -> Any:
    import torch

    return torch.from_numpy(np.array(im)).bfloat16()


def without_eps(im: Any) -> Any:
    x = im.astype(F)
    with np.errstate(all="ignore"):
        return (x - x.mean()) / x.std()


def pasted(im: Any) -> Any:
    back = Image.new("RGBA", (im.shape[1], im.shape[0]), (255, 255, 255, 255))
    back.alpha_composite(Image.fromarray(whole(im)))
    return np.asarray(back.convert("RGB"))


ALPHA = {"shape": (120, 160, 4)}
UNIT = {"range": (0, 1), "dtype": "float32"}
PAIRS: list[FieldPair] = [
    pair("grey_lightness", "other", grey(1 / 3, 1 / 3, 1 / 3), lambda im: (im.max(-1).astype(F) + im.min(-1)) / 2),
    pair("grey_of_green", "grey-weights", grey(0.299, 0.587, 0.114), lambda im: im[..., 1].astype(F)),
    pair("grey_in_bgr", "grey-weights|channel-swap", grey(0.299, 0.587, 0.114), grey(0.114, 0.587, 0.299)),
    pair("hue_in_full_range", "other|scale|value-range", lambda im: cv2.cvtColor(whole(im), cv2.COLOR_RGB2HSV),
         lambda im: cv2.cvtColor(whole(im), cv2.COLOR_RGB2HSV_FULL)),
    pair("hsv_of_bgr", "channel-swap", lambda im: cv2.cvtColor(whole(im), cv2.COLOR_RGB2HSV),
         lambda im: cv2.cvtColor(whole(im), cv2.COLOR_BGR2HSV)),
    pair("nv12_709", "yuv-matrix", decoded(0.299, 0.114), decoded(0.2126, 0.0722), inputs="yuv420"),
    pair("i420_for_nv12", "other|layout", decoded(0.299, 0.114), decoded(0.299, 0.114, planar=True), inputs="yuv420"),
    pair("nv12_stride_of_64", "shape-tail|other", decoded(0.299, 0.114), decoded(0.299, 0.114, stride=64),
         inputs="yuv420"),
    pair("limited_range", "value-range|scale", lambda im: im.astype(F),
         lambda im: np.clip((im.astype(F) - 16) * F(255 / 219), 0, 255)),
    pair("gamma_or_srgb", "gamma", srgb, lambda im: (im / F(255)) ** F(2.2)),
    pair("gamma_forgotten", "gamma", lambda im: (im / F(255)) ** F(1 / 2.2), lambda im: im / F(255)),
    pair("percentile_method", "statistics|precision", stretched("linear"), stretched("lower")),
    pair("equalised_by_tiles", "other|statistics", lambda im: cv2.equalizeHist(whole(im)),
         lambda im: cv2.createCLAHE(2.0, (8, 8)).apply(whole(im)), shape=(240, 320)),
    pair("deviation_by_channel", "statistics|other", standardised(), standardised((0, 1))),
    pair("mean_along_one_axis", "statistics|other", standardised((0, 1)), standardised((1,))),
    pair("eps_added", "statistics|scale|precision", standardised(eps=1e-2), standardised(eps=1e-2, add=True)),
    pair("mean_of_two_digits", "scale", normalised(), normalised(np.array([0.48, 0.46, 0.41], F))),
    pair("only_std_in_bgr", "channel-stat-order", normalised(), normalised(MEAN, STD[::-1].copy())),
    pair("half_up", "precision", lambda im: np.rint(im / 2).astype(np.int8), lambda im: np.floor(im / 2 + 0.5).astype(
        np.int8)),
    pair("bytes_read_as_signed", "wraparound|zero-point", lambda im: (im.astype(np.int16) - 128).astype(np.int8),
         lambda im: whole(im).view(np.int8)),
    pair("symmetric_int8", "value-range|other", lambda im: (im.astype(np.int16) - 128).astype(np.int8),
         lambda im: np.clip(im.astype(np.int16) - 128, -127, 127).astype(np.int8)),
    pair("scale_127_or_128", "scale", lambda im: np.clip(np.rint((im / 127.5 - 1) * 127), -128, 127).astype(np.int8),
         lambda im: np.clip(np.rint((im / 127.5 - 1) * 120), -128, 127).astype(np.int8)),
    pair("high_byte", "precision|truncation", lambda im: np.rint(im / 257).astype(np.uint8),
         lambda im: (im >> 8).astype(np.uint8), dtype="uint16"),
    pair("twelve_bits", "scale|value-range", lambda im: im.astype(F) / 4095, lambda im: im.astype(F) / 65535,
         dtype="uint16", range=(0, 4095)),
    pair("bytes_exchanged", "other|wraparound", lambda im: im.astype(F), lambda im: im.byteswap().astype(F),
         dtype="uint16"),
    pair("divided_although_unit", "value-range", lambda x: x * 2 - 1, lambda x: x / 255 * 2 - 1, **UNIT),
    pair("premultiplied", "alpha", lambda im: im.astype(F), lambda im: np.concatenate(
        [im[..., :3].astype(F) * (im[..., 3:] / F(255)), im[..., 3:].astype(F)], -1), **ALPHA),
    pair("argb", "channel-swap", lambda im: im.astype(F), lambda im: np.roll(im, 1, -1).astype(F), **ALPHA),
    pair("at_least", "other", lambda im: (im > 127).astype(np.uint8), lambda im: (im >= 127).astype(np.uint8)),
    pair("products_of_16_bits", "wraparound", lambda im: (im.astype(np.int32) * 200).astype(F),
         lambda im: (im.astype(np.int16) * np.int16(200)).astype(F)),
    pair("double_or_single", "dtype", lambda im: im / 255, lambda im: im / F(255)),
    pair("no_eps", "other", standardised(), without_eps, tolerance={"atol": 1e-3, "rtol": 0}),
    pair("reshaped", "axis-order", lambda im: np.ascontiguousarray(im.transpose(2, 0, 1)),
         lambda im: np.ascontiguousarray(im).reshape(3, *im.shape[:2])),
    pair("channels_last", "layout", lambda im: np.ascontiguousarray(im.transpose(2, 0, 1)).astype(F),
         lambda im: im.astype(F)),
    pair("largest_so_far", "nondeterministic", lambda im: im / F(255), Running()),
    pair("one_buffer", "output-aliasing", lambda im: im / F(255), Buffer()),
    pair("in_place", "input-mutation", lambda x: x - F(0.5), in_place, **UNIT),
    pair("dithered", "nondeterministic", lambda im: im.astype(F), dithered),
    pair("memory_as_it_stands", "input-strides", lambda im: im.astype(F), of_strides),
    pair("torch_refuses_strides", "input-strides|raises", lambda im: im.astype(F) / 255, by_torch),
    pair("bfloat16", "dtype", lambda im: im.astype(F), by_bfloat16, "bfloat16"),
    pair("grey_by_shifts", "", lambda im: np.rint(grey(0.299, 0.587, 0.114)(im)).astype(np.uint8), grey_by_shifts,
         levels=1),
    pair("gamma_by_table", "", lambda im: np.rint(255 * (im / 255) ** (1 / 2.2)).astype(np.uint8), lambda im: np.rint(
        255 * (np.arange(256) / 255) ** (1 / 2.2)).astype(np.uint8)[im]),
    pair("mean_of_bytes", "", normalised(), lambda im: (im.astype(F) - MEAN * 255) / (STD * 255), tolerance=16),
    pair("saturating_scale", "", lambda im: np.clip(np.rint(im.astype(np.float64) * 1.5), 0, 255).astype(np.uint8),
         lambda im: cv2.convertScaleAbs(whole(im), alpha=1.5)),
    pair("pasted_on_white", "", lambda im: np.rint(over(255)(im)).astype(np.uint8), pasted, levels=1, **ALPHA),
    pair("clipped_late", "", lambda im: np.clip(im / F(128), 0, 1), lambda im: np.minimum(im, F(128)) / F(128)),
]  # fmt: skip
