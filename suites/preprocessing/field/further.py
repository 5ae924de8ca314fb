"""Further pairs of all kinds, written after the others and judged at once."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from suites.preprocessing.field.colours import MEAN, STD, F, normalised, whole, ycc
from suites.preprocessing.field.pair import FieldPair, pair
from suites.preprocessing.field.resizes import AREA, LIN, NEAR, letterbox

LIMITED = np.array([219, 224, 224], F) / 255


def part_of(ratio: float, how: int) -> Any:
    """Return a crop of the middle, a share of the shorter side, made to 112 x 112."""

    def function(im: Any) -> Any:
        height, width = im.shape[:2]
        side = max(1, int(min(height, width) * ratio))
        top, left = (height - side) // 2, (width - side) // 2
        return cv2.resize(whole(im[top : top + side, left : left + side]), (112, 112), interpolation=how)

    return function


def histogram(high: float) -> Any:
    return lambda im: np.histogram(im, 32, (0, high))[0].astype(F)


def pyramid(last: int) -> Any:
    hows = (AREA, AREA, last)
    return lambda im: {
        f"l{k}": cv2.resize(whole(im), (64 >> k, 64 >> k), interpolation=how) for k, how in enumerate(hows)
    }


def tiles(by_column: bool) -> Any:
    places = [(y, x) for y in (0, 16, 32) for x in (0, 16, 32)]
    if by_column:
        places = [place[::-1] for place in places]
    return lambda im: np.stack([im[y : y + 16, x : x + 16] for y, x in places]).astype(F)


def quantised(scale: float, zero: int, dtype: Any = np.int8, how: Any = np.rint) -> Any:
    ends = np.iinfo(dtype)
    return lambda im: np.clip(how(im.astype(F) / F(scale)) + zero, ends.min, ends.max).astype(dtype)


def of_565(turned: bool) -> Any:
    def function(im: Any) -> Any:
        x = (im >> np.array([3, 2, 3], np.uint8)).astype(np.uint16)
        parts = x * 255 // np.array([31, 63, 31], np.uint16)
        return (parts[..., ::-1] if turned else parts).astype(np.uint8)

    return function


def mean_in_half(image: Any) -> Any:
    with np.errstate(over="ignore"):  # which is what is wrong with it
        return np.array([image.astype(np.float16).mean(dtype=np.float16)], F)


def third(lines: bool) -> Any:
    def function(x: Any) -> Any:
        count = max(1, len(x) // 3)
        if lines:
            return np.interp(np.linspace(0, len(x) - 1, count), np.arange(len(x)), x).astype(F)
        return x[: count * 3 : 3].astype(F)[:count]

    return function


def cepstra(axis: int) -> Any:
    def function(x: Any) -> Any:
        wide = np.pad(x.astype(np.float64), (0, max(0, 256 - len(x))))
        frames = np.abs(np.fft.rfft(np.lib.stride_tricks.sliding_window_view(wide, 256)[::64]))
        return ((frames - frames.mean(axis, keepdims=True)) / (frames.std(axis, keepdims=True) + 1e-5)).astype(F)

    return function


def spread(low: Any, high: Any) -> Any:
    return lambda x: ((x - np.array(low)) / (np.array(high) - np.array(low))).astype(F)


def words(separator: str | None = None) -> Any:
    def function(text: str) -> Any:
        parts = [sum((i + 1) * ord(c) for i, c in enumerate(word)) % 1000 for word in text.split(separator)][:32]
        return np.array(parts + [0] * (32 - len(parts)), np.int64)

    return function


class MeanBySize:
    """Keeps the mean of the first image of each size."""

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}

    def __call__(self, im: Any) -> Any:
        return im.astype(F) - self.kept.setdefault(im.shape, im.astype(F).mean())


def boxed(turned: bool) -> Any:
    def function(im: Any, box: Any) -> Any:
        y, x = box[::-1] if turned else box
        return im[y : y + 30, x : x + 30].astype(F)

    return function


def dct(how: int) -> Any:
    return lambda im: cv2.dct(cv2.resize(whole(im)[..., 0].astype(F), (32, 32), interpolation=how))[:8, :8]


def sobel(size: int) -> Any:
    return lambda im: cv2.Sobel(whole(im), cv2.CV_32F, 1, 0, ksize=size)


def mask(how: int) -> Any:
    return lambda im: cv2.resize((whole(im)[..., 0] > 128).astype(np.uint8), (64, 48), interpolation=how)


def above(*levels: int) -> Any:
    return lambda im: np.stack([im[..., 0] > level for level in levels], -1)


UNIT = {"range": (0, 1), "dtype": "float32"}
TABLE = {"inputs": "table", "shape": (50, 4)}
SIGNAL = {"inputs": "signal", "shape": (3000,)}
GREY = {"shape": (120, 160)}
PAIRS: list[FieldPair] = [
    pair("ycrcb_or_ycbcr", "channel-swap", lambda im: cv2.cvtColor(whole(im), cv2.COLOR_RGB2YCrCb),
         lambda im: cv2.cvtColor(whole(im), cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]),
    pair("ycc_limited", "yuv-matrix", ycc(0.299, 0.114), lambda im: (
        ycc(0.299, 0.114)(im) - np.array([0, 128, 128], F)) * LIMITED + np.array([16, 128, 128], F)),
    pair("part_of_the_middle", "offset|resample-grid", part_of(0.875, LIN), part_of(0.9, LIN)),
    pair("part_by_area", "resample-antialias", part_of(0.875, AREA), part_of(0.875, LIN)),
    pair("turned_the_other_way", "axis-order", lambda im: np.rot90(im).astype(F), lambda im: np.rot90(im, 3).astype(F),
         "180 degrees"),
    pair("bins_to_200", "other|shape-tail", histogram(256), histogram(200)),
    pair("one_level_of_a_pyramid", "resample-antialias|resample-grid", pyramid(AREA), pyramid(LIN)),
    pair("tiles_by_column", "axis-order", tiles(False), tiles(True), "another order",
         shapes=[(240, 320), (64, 64), (50, 70)]),
    pair("scale_of_8_bits", "scale", quantised(0.9, -128), quantised(0.91, -128)),
    pair("floor_in_8_bits", "truncation", quantised(2.3, 0), quantised(2.3, 0, how=np.floor)),
    pair("zero_point_of_bytes", "zero-point", quantised(2, 10, np.uint8), quantised(2, 11, np.uint8)),
    pair("mean_rounded_up", "scale", lambda im: im - F(127.5), lambda im: im - F(128)),
    pair("bgr_565", "channel-swap", of_565(False), of_565(True)),
    pair("colours_of_565", "other", lambda im: im.copy(), of_565(False)),
    pair("posterised", "other", lambda im: im.copy(), lambda im: im >> 2 << 2),
    pair("solarised", "other", lambda im: np.where(im < 128, im, 255 - im), lambda im: np.where(im < 200, im,
         255 - im)),
    pair("sobel_of_5", "other", sobel(3), sobel(5)),
    pair("sobel_turned", "scale", sobel(3), lambda im: -sobel(3)(im), "-1"),
    pair("mask_smoothed", "resample-antialias|resample-grid", mask(NEAR), mask(LIN)),
    pair("third_threshold", "other", above(50, 100, 150), above(50, 100, 151)),
    pair("box_of_x_and_y", "offset", boxed(False), boxed(True), inputs=lambda im: (im, (2, 4)),
         shapes=[(240, 320), (80, 80), (50, 60)]),
    pair("mean_in_half", "other|precision|statistics", lambda im: np.array([im.mean(dtype=np.float64)], F),
         mean_in_half),
    pair("mirrored_beyond_1900", "axis-order|other", lambda im: im / F(255),
         lambda im: (im if im.shape[1] < 1900 else im[:, ::-1]) / F(255)),
    pair("mean_by_size", "other|statistics|nondeterministic", lambda im: im.astype(F) - im.astype(F).mean(),
         MeanBySize()),
    pair("every_third_sample", "other", third(True), third(False), **SIGNAL),
    pair("cepstra_by_frame", "other|statistics", cepstra(0), cepstra(1), **SIGNAL),
    pair("winsorised", "value-range", lambda x: np.clip(x, -2, 2), lambda x: np.clip(x, -2.5, 2.5), inputs="table"),
    pair("highest_of_a_column", "scale", spread([0, 0, 0, 0], [1, 2, 3, 4]), spread([0, 0, 0, 0], [1, 2, 3, 5]),
         **TABLE),
    pair("lowest_of_a_column", "scale", spread([0, 0, 0, 0], [1, 2, 3, 4]), spread([0.1, 0, 0, 0], [1, 2, 3, 4]),
         **TABLE),
    pair("split_at_blanks", "other", words(), words(" "), inputs="text"),
    pair("without_commas", "other", words(), lambda text: words()(text.replace(",", "")), inputs="text"),
    pair("transform_of_areas", "other|scale", dct(LIN), dct(AREA)),
    pair("unit_clipped", "value-range", lambda x: x * 2 - 1, lambda x: np.clip(x * 2 - 1, -0.9, 0.9), "clipped",
         **UNIT),
    pair("unit_through_bytes", "truncation|precision", lambda x: x.copy(),
         lambda x: (x * 255).astype(np.uint8) / F(255), **UNIT),
    pair("unit_in_bgr", "channel-swap", lambda x: x * 2, lambda x: x[..., ::-1] * 2, **UNIT),
    pair("unit_gamma", "gamma", lambda x: x ** F(2.2), lambda x: x ** F(2), **UNIT),
    pair("unit_mean", "scale", lambda x: (x - MEAN) / STD, lambda x: (x - F(0.5)) / STD, "0.485", **UNIT),
    pair("gamma_of_16_bits", "gamma", lambda im: (im / F(65535)) ** F(1 / 2.2),
         lambda im: (im / F(65535)) ** F(1 / 2.4),
         dtype="uint16"),
    pair("grey_by_250", "scale", lambda im: im / F(255), lambda im: im / F(250), **GREY),
    pair("grey_by_area", "resample-antialias", lambda im: cv2.resize(whole(im), (64, 64), interpolation=AREA),
         lambda im: cv2.resize(whole(im), (64, 64)), **GREY),
    pair("alpha_kept", "shape", lambda im: im[..., :3].astype(F), lambda im: im.astype(F), shape=(60, 80, 4)),
    pair("letterbox_in_planes_of_bgr", "channel-swap", lambda im: letterbox(128)(im).transpose(2, 0, 1)[None] / F(255),
         lambda im: letterbox(128)(im)[..., ::-1].transpose(2, 0, 1)[None] / F(255)),
    pair("half_of_1080", "", lambda im: cv2.resize(whole(im), (im.shape[1] // 2, im.shape[0] // 2), interpolation=AREA),
         lambda im: cv2.resize(np.array(im), None, fx=0.5, fy=0.5, interpolation=AREA), shape=(1080, 1920, 3),
         shapes=[(240, 320), (480, 640)]),
    pair("normalised_at_1080", "", normalised(), lambda im: cv2.multiply(cv2.subtract(
        whole(im).astype(F) / 255, (*map(float, MEAN), 0)), (*map(float, 1 / STD), 0)), tolerance=16,
        shape=(1080, 1920, 3)),
    pair("table_of_opencv", "", lambda im: (im * F(1.2) + 10).clip(0, 255).astype(np.uint8), lambda im: cv2.LUT(
        whole(im), (np.arange(256, dtype=F) * F(1.2) + 10).clip(0, 255).astype(np.uint8))),
    pair("quantised_in_int32", "", quantised(2, -5), lambda im: np.clip(
        np.rint(im / 2.0).astype(np.int32) - 5, -128, 127).astype(np.int8)),
    pair("counts_of_bins", "", histogram(256), lambda im: np.bincount(whole(im).reshape(-1) >> 3,
         minlength=32).astype(F)),
    pair("sobel_by_filter", "", sobel(3), lambda im: cv2.filter2D(whole(im).astype(F), -1, np.array(
        [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], F))),
    pair("spread_by_product", "", spread([0] * 4, [1, 2, 4, 8]), lambda x: (x * np.array(
        [1, 0.5, 0.25, 0.125])).astype(F), **TABLE),
    pair("mean_by_sum", "", lambda im: im - F(im.mean(dtype=np.float64)),
         lambda im: im - F(im.sum(dtype=np.uint64) / im.size), tolerance=16),
    pair("words_with_a_blank", "", words(), lambda text: words()(text + " "), inputs="text"),
]  # fmt: skip
