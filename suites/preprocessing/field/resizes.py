"""Resizes, crops, letterboxes: OpenCV, Pillow and PyTorch side by side."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from PIL import Image

from suites.preprocessing.field.pair import FieldPair, pair

cv2.setNumThreads(1)
F = np.float32
LOOSE = {"atol": 1e-4, "rtol": 0}


def whole(image: Any) -> Any:
    return np.ascontiguousarray(image)


def opencv(width: int, height: int, how: int, dtype: Any = np.uint8) -> Any:
    return lambda im: cv2.resize(whole(im).astype(dtype), (width, height), interpolation=how)


def pillow(width: int, height: int, how: int) -> Any:
    return lambda im: np.asarray(Image.fromarray(whole(im)).resize((width, height), how))


def torch_resize(width: int, height: int, **settings: Any) -> Any:
    def function(im: Any) -> Any:
        import torch

        x = torch.from_numpy(whole(im).astype(F)).permute(2, 0, 1)[None]
        return torch.nn.functional.interpolate(x, (height, width), **settings)[0].permute(1, 2, 0).contiguous()

    return function


def short_side(size: int, how: int) -> Any:
    def function(im: Any) -> Any:
        height, width = im.shape[:2]
        ratio = size / min(height, width)
        wanted = max(size, round(width * ratio)), max(size, round(height * ratio))
        return cv2.resize(whole(im), wanted, interpolation=how)[:size, :size]

    return function


def centre(size: int, extra: int = 0) -> Any:
    def function(im: Any) -> Any:
        height, width = im.shape[:2]
        top, left = (height - size) // 2 + extra, (width - size) // 2
        return im[top : top + size, left : left + size].astype(F)

    return function


def letterbox(
    side: int, level: int = 114, how: int = cv2.INTER_LINEAR, centred: bool = True, floor: bool = False
) -> Any:
    def function(im: Any) -> Any:
        height, width = im.shape[:2]
        ratio = min(side / height, side / width)
        cut = int if floor else round
        new = max(1, cut(width * ratio)), max(1, cut(height * ratio))
        small = cv2.resize(whole(im), new, interpolation=how)
        out = np.full((side, side, 3), level, np.uint8)
        top, left = ((side - new[1]) // 2, (side - new[0]) // 2) if centred else (0, 0)
        out[top : top + new[1], left : left + new[0]] = small
        return out

    return function


def padded(amount: int, mode: int, value: int = 0) -> Any:
    return lambda im: cv2.copyMakeBorder(whole(im), amount, amount, amount, amount, mode, value=(value,) * 3)


EVEN = {"shapes": [(240, 320), (256, 300), (226, 410)]}
LIN, AREA, NEAR, CUBIC = cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_NEAREST, cv2.INTER_CUBIC

PAIRS: list[FieldPair] = [
    pair("area_640", "resample-antialias", opencv(640, 640, AREA), opencv(640, 640, LIN)),
    pair("linear_640_from_pillow", "resample-antialias", pillow(640, 640, Image.BILINEAR), opencv(640, 640, LIN),
         "without antialias", levels=1),
    pair("pillow_224", "resample-antialias", pillow(224, 224, Image.BILINEAR), opencv(224, 224, LIN), levels=2),
    pair("torch_antialias_off", "resample-antialias",
         torch_resize(320, 320, mode="bilinear", align_corners=False, antialias=True),
         torch_resize(320, 320, mode="bilinear", align_corners=False), "without antialias", tolerance=LOOSE),
    pair("align_corners", "resample-grid", torch_resize(256, 192, mode="bilinear", align_corners=False),
         torch_resize(256, 192, mode="bilinear", align_corners=True), tolerance=LOOSE),
    pair("nearest_or_exact", "resample-grid", torch_resize(100, 90, mode="nearest"),
         torch_resize(100, 90, mode="nearest-exact")),
    pair("nearest_224", "resample-grid|resample-antialias", opencv(224, 224, LIN), opencv(224, 224, NEAR)),
    pair("cubic_or_linear", "resample-antialias", opencv(300, 200, LIN), opencv(300, 200, CUBIC)),
    pair("cubic_clipped", "resample-antialias|value-range", opencv(128, 128, CUBIC, F),
         lambda im: np.clip(opencv(128, 128, CUBIC, F)(im), 0, 255), "clip"),
    pair("short_side", "resample-antialias", short_side(64, AREA), short_side(64, LIN)),
    pair("centre_crop_off_by_one", "offset", centre(224), centre(224, 1), "1 row up", **EVEN),
    pair("letterbox_corner", "offset", letterbox(256), letterbox(256, centred=False)),
    pair("letterbox_black", "pad-value", letterbox(256), letterbox(256, 0), "0 where the reference has 114"),
    pair("letterbox_floor", "offset", letterbox(250), letterbox(250, floor=True)),
    pair("letterbox_nearest", "resample-grid|resample-antialias", letterbox(320), letterbox(320, how=NEAR)),
    pair("padding_replicated", "border|pad-value", padded(8, cv2.BORDER_REPLICATE), padded(8, cv2.BORDER_CONSTANT)),
    pair("padding_128", "pad-value", padded(4, cv2.BORDER_CONSTANT), padded(4, cv2.BORDER_CONSTANT, 128)),
    pair("rotated_180", "axis-order", lambda im: im.astype(F), lambda im: im[::-1, ::-1].astype(F), "180 degrees"),
    pair("mirrored", "axis-order", lambda im: im.astype(F), lambda im: im[:, ::-1].astype(F), "mirrored"),
    pair("height_for_width", "shape", opencv(320, 240, LIN), opencv(240, 320, LIN)),
    pair("same_pillow_twice", "", pillow(224, 224, Image.BICUBIC), lambda im: np.asarray(
        Image.fromarray(whole(im), "RGB").resize((224, 224), resample=Image.BICUBIC))),
    pair("linear_in_floats", "", opencv(320, 320, LIN, F),
         torch_resize(320, 320, mode="bilinear", align_corners=False), tolerance={"atol": 2e-2, "rtol": 0}),
    pair("torch_antialias_as_pillow", "", pillow(224, 224, Image.BILINEAR), lambda im: np.rint(
        torch_resize(224, 224, mode="bilinear", antialias=True)(im).numpy()).astype(np.uint8), levels=1),
    pair("letterbox_by_border", "", letterbox(256), lambda im: _bordered(im, 256)),
    pair("area_of_half", "", lambda im: opencv(im.shape[1] // 2, im.shape[0] // 2, AREA, F)(im),
         lambda im: im.astype(F).reshape(im.shape[0] // 2, 2, im.shape[1] // 2, 2, 3).mean((1, 3), dtype=F),
         shapes=[(240, 320), (64, 48), (1080, 1920)], tolerance={"atol": 1e-3, "rtol": 0}),
]  # fmt: skip


def _bordered(im: Any, side: int) -> Any:
    height, width = im.shape[:2]
    ratio = min(side / height, side / width)
    new = max(1, round(width * ratio)), max(1, round(height * ratio))
    top, left = (side - new[1]) // 2, (side - new[0]) // 2
    small = cv2.resize(whole(im), new, interpolation=cv2.INTER_LINEAR)
    return cv2.copyMakeBorder(small, top, side - new[1] - top, left, side - new[0] - left, cv2.BORDER_CONSTANT,
                              value=(114, 114, 114))  # fmt: skip
