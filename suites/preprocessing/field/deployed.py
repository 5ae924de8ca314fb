"""Further pairs: what OpenCV's blobs, vision transformers, videos, quantised inputs and postprocessing go wrong in."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image, ImageOps

from pytest_onnxaccel.preprocessing.inputs.model_outputs import generated
from suites.preprocessing.field.colours import MEAN, STD, F, whole
from suites.preprocessing.field.pair import FieldPair, pair
from suites.preprocessing.field.resizes import AREA, LIN


def blob(scale: float, mean: Any, size: Any = (96, 72), swap: bool = True, crop: bool = False) -> Any:
    return lambda im: cv2.dnn.blobFromImage(whole(im), scale, size, mean, swapRB=swap, crop=crop)


def blob_by_hand(scale: float, mean: Any, swap: bool = True) -> Any:
    def function(im: Any) -> Any:
        x = cv2.resize(whole(im), (96, 72), interpolation=LIN).astype(F)
        x = (x[..., ::-1] if swap else x) - np.array(mean, F)
        return (x * F(scale)).transpose(2, 0, 1)[None]

    return function


def patches(order: tuple[int, ...], side: int = 16) -> Any:
    def function(im: Any) -> Any:
        x = cv2.resize(whole(im), (64, 48), interpolation=AREA).astype(F) / F(255)
        x = x.reshape(48 // side, side, 64 // side, side, 3)
        return x.transpose(order).reshape(-1, side * side * 3)

    return function


def clip_model(antialias: bool, how: str = "bicubic") -> Any:
    def function(im: Any) -> Any:
        x = torch.from_numpy(np.array(im)).permute(2, 0, 1)[None].float()
        x = torch.nn.functional.interpolate(x, (56, 56), mode=how, antialias=antialias)
        return (x.clamp(0, 255) / 255 - 0.45) / 0.27

    return function


def jittered() -> Any:
    random = np.random.default_rng()
    return lambda im: (im * F(random.uniform(0.9, 1.1))).clip(0, 255) / F(255)


def to_32(up: bool) -> Any:
    def function(im: Any) -> Any:
        height, width = ((n + 31 * up) // 32 * 32 or 32 for n in im.shape[:2])
        return cv2.resize(whole(im), (width, height)).astype(F) / F(255)

    return function


def quantised(how: Any, scale: float = 0.5, zero: int = 0) -> Any:
    return lambda im: np.clip(how(im.astype(np.float64) * scale) + zero, -128, 127).astype(np.int8)


def video(order: tuple[int, ...], step: int = 1) -> Any:
    return lambda x: (x[::step].astype(F) / F(255)).transpose(order)


def mono(left: bool) -> Any:
    return lambda x: (x[:, 0] if left else x.mean(1)).astype(F)


def decibel(factor: float, power: bool = True) -> Any:
    def function(x: Any) -> Any:
        wide = np.pad(np.asarray(x, np.float64), (0, max(0, 256 - len(x))))
        frames = np.abs(np.fft.rfft(np.lib.stride_tricks.sliding_window_view(wide, 256)[::128]))
        return (factor * np.log10(np.maximum(frames**2 if power else frames, 1e-10))).astype(F)

    return function


def framed(keep_tail: bool) -> Any:
    def function(x: Any) -> Any:
        count = -(-len(x) // 100) if keep_tail else max(1, len(x) // 100)
        wide = np.pad(x, (0, max(0, count * 100 - len(x))))
        return wide[: count * 100].reshape(count, 100).astype(F)

    return function


# Postprocessing
def softmax(x: Any) -> Any:
    parts = np.exp(x - x.max(-1, keepdims=True))
    return parts / parts.sum(-1, keepdims=True)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def overlaps(one: Any, others: Any, plus: float = 0) -> Any:
    low, high = np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:])
    inner = np.prod(np.clip(high - low + plus, 0, None), axis=1)
    area = np.prod(others[:, 2:] - others[:, :2] + plus, axis=1)
    return inner / np.maximum(np.prod(one[2:] - one[:2] + plus) + area - inner, 1e-9)


def suppress(*, overlap: float = 0.5, least: float = 0.3, plus: float = 0, most: int = 1000, closed: bool = False,
             agnostic: bool = True, by_score: bool = True) -> Any:  # fmt: skip
    def function(boxes: Any, scores: Any) -> Any:
        boxes, scores = boxes[0], scores[0]
        label, score = scores[:, 1:].argmax(1), scores[:, 1:].max(1)
        keep = np.flatnonzero(score >= least if closed else score > least)
        order = keep[np.argsort(-score[keep], kind="stable")] if by_score else keep
        found: list[int] = []
        for index in order:
            rivals = [k for k in found if agnostic or label[k] == label[index]]
            if not rivals or overlaps(boxes[index], boxes[rivals], plus).max() <= overlap:
                found.append(int(index))
        found = found[:most]
        return {"boxes": boxes[found], "scores": score[found], "labels": label[found]}

    return function


def suppress_by_matrix(boxes: Any, scores: Any) -> Any:
    boxes, scores = boxes[0], scores[0]
    label, score = scores[:, 1:].argmax(1), scores[:, 1:].max(1)
    order = np.argsort(-score, kind="stable")
    order = order[score[order] > 0.3]
    table = np.array([overlaps(boxes[k], boxes[order]) for k in order]).reshape(len(order), len(order))
    alive = np.ones(len(order), bool)
    for k in range(len(order)):
        if alive[k]:
            alive[k + 1 :] &= table[k, k + 1 :] <= 0.5
    return {"boxes": boxes[order[alive]], "scores": score[order[alive]], "labels": label[order[alive]]}


def priors(half: bool = True) -> Any:
    y, x = np.mgrid[:8, :8].reshape(2, -1)
    return np.stack([(x + 0.5 * half) / 8, (y + 0.5 * half) / 8, np.full(64, 0.2), np.full(64, 0.2)], 1).astype(F)


def decode(*, variances: Any = (0.1, 0.2), half: bool = True, corners: bool = True, clip: bool = False,
           turned: bool = False) -> Any:  # fmt: skip
    anchors = priors(half)

    def function(deltas: Any) -> Any:
        d = deltas[0]
        centre = anchors[:, :2] + d[:, :2] * F(variances[0]) * anchors[:, 2:]
        size = anchors[:, 2:] * np.exp(d[:, 2:] * F(variances[1]))
        parts = (centre - size / 2, centre + size / 2) if corners else (centre, size)
        out = np.concatenate(parts, axis=1)
        out = out[:, [1, 0, 3, 2]] if turned else out
        return np.clip(out, 0, 1) if clip else out

    return function


def decoded_by_torch(deltas: Any) -> Any:
    d, anchors = torch.from_numpy(deltas[0].copy()), torch.from_numpy(priors())
    centre = anchors[:, :2] + d[:, :2] * 0.1 * anchors[:, 2:]
    half = anchors[:, 2:] * torch.exp(d[:, 2:] * 0.2) / 2
    return torch.cat([centre - half, centre + half], 1)


def to_pixels(width: float, height: float, whole_numbers: bool = False) -> Any:
    def function(boxes: Any) -> Any:
        out = boxes[0] * np.array([width, height, width, height], F)
        return out.astype(np.int64) if whole_numbers else out

    return function


def rounded_pixels(boxes: Any) -> Any:
    return np.rint(to_pixels(640, 480)(boxes)).astype(np.int64)


def unboxed(pad: Any = (0, 80), ratio: float = 0.5) -> Any:
    return lambda boxes: (boxes[0] * 640 - np.array([*pad, *pad], F)) / F(ratio)


def ctc(blank: int, merge: bool = True) -> Any:
    def function(logits: Any) -> Any:
        best = logits[0].argmax(-1)
        kept = best[np.append(True, best[1:] != best[:-1])] if merge else best
        return kept[kept != blank % logits.shape[-1]]

    return function


def peaks(quarter: bool) -> Any:
    def function(maps: Any) -> Any:
        found = []
        for one in maps[0]:
            y, x = np.unravel_index(one.argmax(), one.shape)
            shift = np.zeros(2)
            if quarter and 0 < x < one.shape[1] - 1 and 0 < y < one.shape[0] - 1:
                shift = 0.25 * np.sign([one[y, x + 1] - one[y, x - 1], one[y + 1, x] - one[y - 1, x]])
            found.append([x + shift[0], y + shift[1]])
        return np.array(found, F)

    return function


def post(outputs: Any, **more: Any) -> Any:
    """Return the arguments that :func:`postprocessing_parity` hands to ``compare``."""
    return {"images": generated(outputs), "inputs": "array", "unordered": True, **more}


DETECTOR = post([("boxes", (1, 120, 4)), ("probabilities", (1, 120, 4))])
DELTAS, BOXES = post([("deltas", (1, 64, 4))]), post([("boxes", (1, 40, 4))])
LOGITS = post([("logits", (1, 20, 12))], unordered=False)
MAPS = post([("sigmoids", (1, 5, 24, 32))], unordered=False)
PILS: dict[str, Any] = {"inputs": "pil"}

PAIRS: list[FieldPair] = [
    # OpenCV's blobs
    pair("blob_by_hand", "", blob(1 / 127.5, (127.5,) * 3), blob_by_hand(1 / 127.5, (127.5,) * 3), tolerance=16),
    pair("blob_mean_of_unit", "scale", blob_by_hand(1 / 255, MEAN * 255), blob(1 / 255, tuple(map(float, MEAN)))),
    pair("blob_mean_in_bgr", "channel-stat-order", blob_by_hand(1, (123.68, 116.78, 103.94)),
         blob(1, (103.94, 116.78, 123.68))),
    pair("blob_not_swapped", "channel-swap", blob(1 / 255, (0, 0, 0)), blob(1 / 255, (0, 0, 0), swap=False)),
    pair("blob_cropped", "offset|resample-grid", blob(1 / 255, (0, 0, 0)), blob(1 / 255, (0, 0, 0), crop=True)),
    pair("blob_size_turned", "shape", blob(1 / 255, (0, 0, 0)), blob(1 / 255, (0, 0, 0), size=(72, 96))),
    # vision transformers
    pair("patches_channels_first", "axis-order", patches((0, 2, 1, 3, 4)), patches((0, 2, 4, 1, 3))),
    pair("patches_by_column", "axis-order", patches((0, 2, 1, 3, 4)), patches((2, 0, 1, 3, 4))),
    pair("clip_without_antialias", "resample-antialias", clip_model(True), clip_model(False)),
    pair("clip_bilinear", "resample-antialias", clip_model(True), clip_model(True, "bilinear")),
    # what training left behind
    pair("jitter_left_in", "nondeterministic", lambda im: im / F(255), jittered()),
    pair("multiple_of_32_rounded_down", "shape|shape-tail", to_32(True), to_32(False)),
    # quantised inputs
    pair("int8_by_xor", "", lambda im: (im.astype(np.int16) - 128).astype(np.int8),
         lambda im: (whole(im) ^ np.uint8(128)).view(np.int8)),
    pair("int8_half_up", "precision", quantised(np.rint), quantised(lambda x: np.floor(x + 0.5))),
    pair("int8_cut", "truncation", quantised(np.rint), quantised(np.trunc)),
    pair("int8_zero_missing", "zero-point", quantised(np.rint, 0.4, -100), quantised(np.rint, 0.4, 0)),
    pair("int8_wraps", "wraparound", quantised(np.rint, 1), lambda im: im.astype(np.int8)),
    # videos, batches
    pair("video_time_first", "layout|shape|axis-order", video((3, 0, 1, 2)), video((0, 3, 1, 2)), inputs="batch",
         shape=(4, 60, 80, 3)),
    pair("video_backwards", "axis-order", video((3, 0, 1, 2)), video((3, 0, 1, 2), -1), inputs="batch", shape=(4, 60,
         80, 3)),
    # files
    pair("pil_grey_not_converted", "shape|raises", lambda p: np.asarray(p.convert("RGB"), F), lambda p: np.asarray(p,
         F), "", shape=(60, 80), **PILS),
    pair("exif_transposed", "", lambda d: np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(d))).convert("RGB")),
         lambda d: cv2.cvtColor(cv2.imdecode(np.frombuffer(d, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB),
         inputs="bytes", levels=8),
    pair("unchanged_flag", "orientation|shape|decoder", lambda d: cv2.imdecode(np.frombuffer(d, np.uint8),
         cv2.IMREAD_COLOR),
         lambda d: cv2.imdecode(np.frombuffer(d, np.uint8), cv2.IMREAD_UNCHANGED), inputs="bytes"),
    # 16 bits
    pair("depth_by_65536", "scale", lambda im: im / F(65535), lambda im: im / F(65536), dtype="uint16", shape=(60, 80)),
    pair("depth_in_metres", "value-range|scale", lambda im: im / F(1000), lambda im: im.astype(F), dtype="uint16",
         shape=(60, 80)),
    pair("depth_shift_or_257", "truncation|precision|scale", lambda im: np.rint(im / 257).astype(np.uint8),
         lambda im: (im >> 8).astype(np.uint8),
         dtype="uint16", shape=(60, 80)),
    pair("depth_holes", "other|value-range", lambda im: np.where(im == 0, F(10), im / F(1000)),
         lambda im: im / F(1000), dtype="uint16", shape=(60, 80)),
    # order of steps
    pair("scaled_before_resize", "", lambda im: cv2.resize(whole(im).astype(F), (80, 60)) / F(255),
         lambda im: cv2.resize(whole(im).astype(F) / F(255), (80, 60)), tolerance=16),
    pair("resized_in_bytes", "precision|truncation", lambda im: cv2.resize(whole(im).astype(F), (80, 60)) / F(255),
         lambda im: cv2.resize(whole(im), (80, 60)) / F(255)),
    pair("std_before_mean", "scale", lambda im: (im / F(255) - MEAN) / STD, lambda im: im / F(255) / STD - MEAN),
    pair("std_times", "scale", lambda im: (im / F(255) - MEAN) / STD, lambda im: (im / F(255) - MEAN) * STD),
    # audio
    pair("left_for_mono", "other", mono(False), mono(True), inputs="table", shape=(400, 2)),
    pair("decibels_of_magnitude", "other|scale", decibel(10), decibel(10, False), inputs="signal", shape=(4000,)),
    pair("decibels_with_another_floor", "value-range", decibel(10), decibel(20, False), "-100", inputs="signal",
         shape=(4000,), atol=1e-3, shapes=[(4000,), (1000,)],
         images=[np.random.default_rng(0).normal(0, 0.1, 4000).astype(F)]),
    pair("frames_without_tail", "shape|shape-tail", framed(True), framed(False), inputs="signal", shape=(4000,)),
    # postprocessing
    pair("softmax_by_torch", "", lambda x: softmax(x), lambda x: torch.softmax(torch.from_numpy(x.copy()), -1),
         **LOGITS, tolerance=16),
    pair("sigmoid_for_softmax", "other", lambda x: softmax(x), lambda x: sigmoid(x), **LOGITS),
    pair("softmax_over_rows", "other|axis-order", lambda x: softmax(x), lambda x: softmax(x.swapaxes(1,
         2)).swapaxes(1, 2), **LOGITS),
    pair("softmax_twice", "other", lambda x: softmax(x), lambda x: softmax(softmax(x)), **LOGITS),
    pair("logits_given", "other|value-range", lambda x: softmax(x), lambda x: x, **LOGITS),
    pair("labels_from_one", "scale|zero-point", lambda x: x.argmax(-1), lambda x: x.argmax(-1) + 1, **LOGITS),
    pair("argmax_of_rows", "shape", lambda x: x.argmax(-1), lambda x: x.argmax(-2), **LOGITS),
    pair("labels_in_int32", "dtype", lambda x: x.argmax(-1), lambda x: x.argmax(-1).astype(np.int32), **LOGITS),
    pair("blank_is_last", "shape|other", ctc(0), ctc(-1), **LOGITS),
    pair("repeats_kept", "shape|other", ctc(0), ctc(0, merge=False), **LOGITS),
    pair("nms_by_matrix", "", suppress(), suppress_by_matrix, **DETECTOR),
    pair("nms_overlap_of_45", "shape|other", suppress(), suppress(overlap=0.45), **DETECTOR),
    pair("nms_of_old_pixels", "shape|other", suppress(), suppress(plus=1), **DETECTOR),
    pair("nms_closed_threshold", "shape|other", suppress(least=0.5), suppress(least=0.5, closed=True), **DETECTOR),
    pair("nms_by_class", "shape|other", suppress(), suppress(agnostic=False), **DETECTOR),
    pair("nms_not_sorted", "shape|other", suppress(), suppress(by_score=False), **DETECTOR),
    pair("nms_ten_best", "shape|other", suppress(), suppress(most=10), **DETECTOR),
    pair("decoded_by_torch", "", decode(), decoded_by_torch, **DELTAS, tolerance=16),
    pair("variances_swapped", "other|scale", decode(), decode(variances=(0.2, 0.1)), **DELTAS),
    pair("anchors_off_by_half", "other|offset|scale", decode(), decode(half=False), **DELTAS),
    pair("centres_given", "layout", decode(), decode(corners=False), **DELTAS),
    pair("boxes_clipped", "value-range", decode(), decode(clip=True), **DELTAS),
    pair("boxes_y_first", "layout|axis-order|channel-swap", decode(), decode(turned=True), **DELTAS),
    pair("pixels_of_turned_size", "scale|channel-stat-order", to_pixels(640, 480), to_pixels(480, 640), **BOXES),
    pair("pixels_cut", "truncation", rounded_pixels, to_pixels(640, 480, True), **BOXES),
    pair("padding_not_taken_off", "scale|offset|other", unboxed(), unboxed((0, 0)), **BOXES),
    pair("padding_of_x", "scale|channel-stat-order|other|layout|offset", unboxed(), unboxed((80, 0)), **BOXES),
    pair("ratio_not_undone", "scale", unboxed(), unboxed(ratio=1), **BOXES),
    pair("quarter_pixel", "other|precision", peaks(True), peaks(False), **MAPS),
]  # fmt: skip
