"""Further pairs: where pixels come from and where they go, at small and at large sizes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from PIL import Image

from suites.preprocessing.field.pair import FieldPair, pair
from suites.preprocessing.field.resizes import (
    AREA,
    LIN,
    LOOSE,
    NEAR,
    letterbox,
    opencv,
    pillow,
    torch_resize,
    whole,
)

F = np.float32


def bilinear(height: int, width: int, corners: bool = False) -> Any:
    """Return a resize written by hand: half-pixel centres, or with aligned corners."""

    def at(size: int, target: int) -> Any:
        if corners:
            return np.arange(target) * ((size - 1) / max(1, target - 1))
        return np.clip((np.arange(target) + 0.5) * size / target - 0.5, 0, size - 1)

    def function(im: Any) -> Any:
        x = im.astype(np.float64)
        for axis, target in ((0, height), (1, width)):
            places = at(x.shape[axis], target)
            low = np.floor(places).astype(int)
            high = np.minimum(low + 1, x.shape[axis] - 1)
            part = (places - low).reshape([-1 if a == axis else 1 for a in range(3)])
            x = x.take(low, axis) * (1 - part) + x.take(high, axis) * part
        return x.astype(F)

    return function


def shorter_then_crop(side: int, crop: int, cut: Any) -> Any:
    def function(im: Any) -> Any:
        height, width = im.shape[:2]
        ratio = side / min(height, width)
        new = max(side, cut(width * ratio)), max(side, cut(height * ratio))
        x = cv2.resize(whole(im), new, interpolation=LIN)
        top, left = (x.shape[0] - crop) // 2, (x.shape[1] - crop) // 2
        return x[top : top + crop, left : left + crop]

    return function


def cropped(top: int, left: int, size: int = 64) -> Any:
    return lambda im: im[top : top + size, left : left + size].astype(F)


def middle(size: int, up: bool) -> Any:
    def function(im: Any) -> Any:
        top, left = ((n - size + (1 if up else 0)) // 2 for n in im.shape[:2])
        return im[top : top + size, left : left + size].astype(F)

    return function


def to_multiple(step: int, level: Any, both: bool = False) -> Any:
    def function(im: Any) -> Any:
        more = [-n % step for n in im.shape[:2]]
        top, left = (n // 2 if both else 0 for n in more)
        return cv2.copyMakeBorder(whole(im), top, more[0] - top, left, more[1] - left, cv2.BORDER_CONSTANT, value=level)

    return function


def boxed_by_yolo(im: Any) -> Any:
    height, width = im.shape[:2]
    ratio = min(256 / height, 256 / width)
    new = max(1, round(width * ratio)), max(1, round(height * ratio))
    dw, dh = (256 - new[0]) / 2, (256 - new[1]) / 2
    top, bottom, left, right = round(dh - 0.1), round(dh + 0.1), round(dw - 0.1), round(dw + 0.1)
    small = cv2.resize(whole(im), new, interpolation=LIN)
    return cv2.copyMakeBorder(small, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(114, 114, 114))


def boxed_never_larger(im: Any) -> Any:
    height, width = im.shape[:2]
    ratio = min(256 / height, 256 / width, 1)
    new = max(1, round(width * ratio)), max(1, round(height * ratio))
    top, left = (256 - new[1]) // 2, (256 - new[0]) // 2
    out = np.full((256, 256, 3), 114, np.uint8)
    out[top : top + new[1], left : left + new[0]] = cv2.resize(whole(im), new, interpolation=LIN)
    return out


def by_matrix(shift: float) -> Any:
    def function(im: Any) -> Any:
        sx, sy = 160 / im.shape[1], 120 / im.shape[0]
        move = (0.5 * sx - 0.5, 0.5 * sy - 0.5) if shift else (0.0, 0.0)
        matrix = np.array([[sx, 0, move[0]], [0, sy, move[1]]])
        return cv2.warpAffine(whole(im).astype(F), matrix, (160, 120), flags=LIN, borderMode=cv2.BORDER_REPLICATE)

    return function


def patches(turned: bool) -> Any:
    def function(im: Any) -> Any:
        x = im.reshape(im.shape[0] // 16, 16, im.shape[1] // 16, 16, 3)
        x = x.transpose((2, 0, 1, 3, 4) if turned else (0, 2, 1, 3, 4))
        return x.reshape(-1, 768).astype(F)

    return function


def corners(order: tuple[int, int, int, int]) -> Any:
    def function(im: Any) -> Any:
        parts = [im[:64, :64], im[:64, -64:], im[-64:, :64], im[-64:, -64:]]
        return np.stack([parts[k] for k in order]).astype(F)

    return function


class RowsByWidth:
    """Keeps its table of rows by the width of the image alone."""

    def __init__(self, by: Any) -> None:
        self.by, self.kept = by, {}

    def __call__(self, im: Any) -> Any:
        key = self.by(im)
        if key not in self.kept:
            self.kept[key] = np.linspace(0, im.shape[0] - 1, 32).astype(int)
        return im[np.minimum(self.kept[key], im.shape[0] - 1)].astype(F)


def thinned_if_large(im: Any) -> Any:
    x = whole(im)
    if max(x.shape[:2]) > 1100:
        x = x[::2, ::2]
    return cv2.resize(x, (300, 300), interpolation=AREA)


def tiled(limit: int) -> Any:
    def function(im: Any) -> Any:
        x = im.astype(F)
        out = np.empty_like(x)
        for top in range(0, x.shape[0], limit):
            part = x[top : top + limit]
            out[top : top + limit] = part - part.mean(dtype=np.float64)
        return out

    return function


def two_steps(im: Any) -> Any:
    return opencv(160, 120, LIN)(opencv(320, 240, LIN)(im))


GRID = {"shape": (224, 224, 3), "shapes": [(224, 224), (32, 64), (48, 112)]}
PAIRS: list[FieldPair] = [
    pair("nearest_of_two_libraries", "resample-grid", opencv(100, 90, NEAR), pillow(100, 90, Image.NEAREST)),
    pair("lanczos_or_cubic", "resample-antialias", pillow(200, 150, Image.BICUBIC), pillow(200, 150, Image.LANCZOS)),
    pair("reducing_gap", "resample-antialias", pillow(96, 72, Image.BILINEAR), lambda im: np.asarray(
        Image.fromarray(whole(im)).resize((96, 72), Image.BILINEAR, reducing_gap=1.1))),
    pair("torch_cubic_clamped", "resample-antialias|value-range",
         torch_resize(128, 96, mode="bicubic", antialias=True),
         lambda im: torch_resize(128, 96, mode="bicubic", antialias=True)(im).clamp(0, 255), "clip", tolerance=LOOSE),
    pair("every_second_pixel", "resample-antialias|resample-grid",
         lambda im: opencv(im.shape[1] // 2, im.shape[0] // 2, AREA)(im), lambda im: whole(im[::2, ::2]),
         shapes=[(240, 320), (480, 640), (64, 48)]),
    pair("corners_by_hand", "resample-grid", bilinear(120, 160), bilinear(120, 160, corners=True)),
    pair("resized_twice", "resample-antialias", opencv(160, 120, LIN), two_steps),
    pair("shorter_side_cut", "offset|resample-grid|resample-antialias", shorter_then_crop(128, 112, round),
         shorter_then_crop(128, 112, int)),
    pair("crop_rounds_up", "offset|shape-tail", middle(200, False), middle(200, True),
         shapes=[(240, 320), (241, 301), (233, 256)]),
    pair("crop_top_for_left", "offset", cropped(20, 8), cropped(8, 20), shapes=[(240, 320), (100, 90), (480, 640)]),
    pair("padded_both_sides", "offset", to_multiple(32, (0, 0, 0)), to_multiple(32, (0, 0, 0), both=True)),
    pair("multiple_of_32_level", "pad-value", to_multiple(32, (0, 0, 0)), to_multiple(32, (114, 114, 114))),
    pair("pad_colour_in_bgr", "pad-value", to_multiple(64, (124, 116, 104)), to_multiple(64, (104, 116, 124))),
    pair("padded_after_normalising", "pad-value", lambda im: letterbox(128, 0)(im).astype(F) / 127.5 - 1, lambda im: (
        np.where((letterbox(128, 0)(np.full(im.shape, 9, np.uint8)) > 0), letterbox(128, 0)(im).astype(F) / 127.5 - 1,
                 F(0))).astype(F)),
    pair("letterbox_never_larger", "offset", letterbox(256), boxed_never_larger),
    pair("reflected_without_edge", "border", lambda im: cv2.copyMakeBorder(whole(im), 3, 3, 3, 3, cv2.BORDER_REFLECT),
         lambda im: cv2.copyMakeBorder(whole(im), 3, 3, 3, 3, cv2.BORDER_REFLECT_101), shapes=[(240, 320), (40, 50)]),
    pair("blur_of_5", "other|resample-antialias", lambda im: cv2.GaussianBlur(whole(im), (3, 3), 0),
         lambda im: cv2.GaussianBlur(whole(im), (5, 5), 0)),
    pair("blur_at_the_border", "border", lambda im: cv2.blur(whole(im), (5, 5)),
         lambda im: cv2.blur(whole(im), (5, 5), borderType=cv2.BORDER_CONSTANT),
         shapes=[(240, 320), (40, 50), (64, 48)]),
    pair("warp_without_half", "resample-grid", by_matrix(0.5), by_matrix(0)),
    pair("linear_exact", "precision|resample-antialias", opencv(200, 150, LIN),
         opencv(200, 150, cv2.INTER_LINEAR_EXACT)),
    pair("patches_by_column", "axis-order|other", patches(False), patches(True), **GRID),
    pair("crops_in_another_order", "axis-order|other|offset", corners((0, 1, 2, 3)), corners((0, 2, 1, 3)),
         shapes=[(240, 320), (100, 90), (480, 640)]),
    pair("sums_of_16_bits", "wraparound", lambda im: im.sum(1, dtype=np.int64).astype(F),
         lambda im: im.sum(1, dtype=np.int16).astype(F)),
    pair("sum_of_32_bits", "wraparound|other|scale", lambda im: np.array([im.sum(dtype=np.int64)], F),
         lambda im: np.array([im.sum(dtype=np.int32)], F)),
    pair("table_by_width", "other|shape|nondeterministic", lambda im: im[np.linspace(0, im.shape[0] - 1, 32).astype(
        int)].astype(F), RowsByWidth(lambda im: im.shape[1])),
    pair("thinned_if_large", "resample-antialias|other|resample-grid", opencv(300, 300, AREA), thinned_if_large),
    pair("mean_of_strips", "other|statistics", tiled(10**6), tiled(512)),
    pair("squeezed", "shape", lambda im: im.astype(F)[None], lambda im: np.squeeze(im.astype(F))[None]),
    pair("grid_by_hand_or_opencv", "", bilinear(120, 160), opencv(160, 120, LIN, F),
         tolerance={"atol": 2e-2, "rtol": 0}),
    pair("letterbox_of_yolo", "", letterbox(256), boxed_by_yolo),
    pair("box_filter_of_half", "", lambda im: np.asarray(Image.fromarray(whole(im)).resize(
        (im.shape[1] // 2, im.shape[0] // 2), Image.BOX)),
         lambda im: opencv(im.shape[1] // 2, im.shape[0] // 2, AREA)(im),
        levels=1, shapes=[(240, 320), (64, 48), (1080, 1920)]),
    pair("linear_rounded_late", "", opencv(200, 150, LIN), lambda im: np.rint(opencv(200, 150, LIN, F)(im)).astype(
        np.uint8), levels=1),
    pair("table_by_size", "", lambda im: im[np.linspace(0, im.shape[0] - 1, 32).astype(int)].astype(F),
         RowsByWidth(lambda im: im.shape[:2])),
]  # fmt: skip
