"""Further pairs: files, signals, tables, texts, batches and nested results."""

from __future__ import annotations

import io
import unicodedata
from typing import Any

import cv2
import numpy as np
from PIL import Image

from suites.preprocessing.field.inputs import F, opened, opened_as_is, scaler, table_of, with_hole
from suites.preprocessing.field.pair import FieldPair, pair


def by_opencv(flags: int = cv2.IMREAD_COLOR) -> Any:
    return lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), flags)[..., ::-1]


def drafted(data: Any) -> Any:
    image = Image.open(io.BytesIO(data))
    size = image.size
    image.draft("RGB", (size[0] // 2, size[1] // 2))
    return np.asarray(image.convert("RGB").resize(size, Image.BILINEAR))


def emphasised(factor: float) -> Any:
    return lambda x: np.append(x[:1], x[1:] - F(factor) * x[:-1]).astype(F)


def spectrum(window: Any, floor: float = 1e-10, mode: str = "reflect") -> Any:
    def function(x: Any) -> Any:
        wide = np.pad(np.asarray(x, np.float64), (200, 200 + max(0, 400 - len(x))), mode=mode)
        frames = np.lib.stride_tricks.sliding_window_view(wide, 400)[::160]
        return np.log(np.maximum(np.abs(np.fft.rfft(frames * window)), floor)).astype(F)

    return function


PERIODIC, SYMMETRIC = np.hanning(401)[:-1], np.hanning(400)


def halved(mean: bool) -> Any:
    def function(x: Any) -> Any:
        even = x[: len(x) // 2 * 2].reshape(-1, 2)
        return (even.mean(1) if mean else even[:, 0]).astype(F)

    return function


def filled(by_mean: bool) -> Any:
    def function(x: Any) -> Any:
        mean = np.nanmean(x, axis=0) if len(x) else 0
        return np.where(np.isnan(x), mean if by_mean else 0, x).astype(F)

    return function


def one_hot(order: Any) -> Any:
    return lambda x: np.eye(4, dtype=F)[np.asarray(order)[np.clip(x[:, 0], 0, 3).astype(int)]]


def coded(unknown: str) -> Any:
    def function(x: Any) -> Any:
        codes = x.astype(np.int64)
        return np.minimum(codes, 9) if unknown == "last" else np.where(codes > 9, 0, codes)

    return function


def letters(form: str = "NFC", limit: int = 48, left: bool = False, tail: bool = False) -> Any:
    def function(text: str) -> Any:
        codes = [ord(c) % 997 + 1 for c in unicodedata.normalize(form, text)]
        codes = codes[-limit:] if tail else codes[:limit]
        pad = [0] * (limit - len(codes))
        return np.array(pad + codes if left else codes + pad, np.int64)

    return function


def plain_letters(text: str) -> Any:
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return letters()(bare)


def objects(threshold: float, above: Any = np.greater) -> Any:
    def function(im: Any, level: float = 0.5) -> Any:
        rows = np.argwhere(above(im[::8, ::8, 0], threshold * level))[:40]
        return [{"box": row.astype(F), "score": float(im[row[0] * 8, row[1] * 8, 0]) / 255} for row in rows]

    return function


def as_dict(turned: bool = False) -> Any:
    def function(im: Any) -> Any:
        parts = {"pixels": im.astype(F) / 255, "size": np.array(im.shape[:2][:: -1 if turned else 1])}
        return dict(reversed(parts.items())) if turned is None else parts

    return function


def by_tensorflow(im: Any) -> Any:
    import tensorflow as tf

    return tf.cast(tf.convert_to_tensor(np.array(im)), tf.float32) / 255.0


MEANS, SCALES = [5.1, 0.02, 99.5, 1.01], [2.03, 0.98, 30.4, 0.11]
TABLE = {"inputs": "table", "images": [table_of(k) for k in range(3)]}
HOLES = {"inputs": "table", "images": [with_hole(k) for k in range(1, 4)]}
SIGNAL = {"inputs": "signal", "shape": (4000,)}
CODES = {"inputs": "table", "dtype": "int64", "shape": (60, 3), "range": (0, 15)}
PAIRS: list[FieldPair] = [
    pair("exif_by_flag", "orientation", by_opencv(), by_opencv(cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION),
         "EXIF", inputs="bytes"),
    pair("draft_of_jpeg", "decoder|resample-antialias|other", opened_as_is, drafted, inputs="jpeg"),
    pair("jpeg_swapped_after_resize", "channel-swap", lambda d: cv2.resize(opened(d), (64, 48)),
         lambda d: cv2.resize(opened(d), (64, 48))[..., ::-1], inputs="jpeg"),
    pair("grey_of_pillow", "grey-weights", lambda p: np.asarray(p.convert("L"), F),
         lambda p: np.asarray(p.convert("RGB"), F).mean(-1, dtype=F), inputs="pil", tolerance={"atol": 1, "rtol": 0}),
    pair("pil_size_is_width_first", "shape|axis-order", lambda p: np.zeros((p.size[1], p.size[0]), F),
         lambda p: np.zeros(p.size, F), inputs="pil"),
    pair("emphasis", "other", emphasised(0.97), emphasised(0.95), **SIGNAL),
    pair("window_symmetric", "other", spectrum(PERIODIC), spectrum(SYMMETRIC), **SIGNAL),
    pair("floor_of_the_log", "value-range|other", spectrum(PERIODIC), spectrum(PERIODIC, 1e-5), **SIGNAL),
    pair("frames_padded_with_zeros", "border|other", spectrum(PERIODIC), spectrum(PERIODIC, mode="constant"), **SIGNAL),
    pair("every_second_sample", "other|resample-antialias", halved(True), halved(False), **SIGNAL),
    pair("bits_of_audio", "scale|value-range", lambda x: x / F(32768), lambda x: x / F(2**31), dtype="int16",
         shape=(4000,)),
    pair("filled_with_zero", "other", filled(True), filled(False), **HOLES),
    pair("without_deviation", "scale", scaler(MEANS, SCALES), scaler(MEANS, [1, 1, 1, 1]), **TABLE),
    pair("log_for_log1p", "other", lambda x: np.log1p(np.abs(x)), lambda x: np.log(np.abs(x) + F(1e-6)), **TABLE),
    pair("one_hot_order", "channel-swap|axis-order|other", one_hot([0, 1, 2, 3]), one_hot([0, 2, 1, 3]), **CODES),
    pair("unknown_category", "other|wraparound", coded("last"), coded("first"), **CODES),
    pair("columns_reversed", "channel-swap|axis-order", scaler(MEANS, SCALES),
         lambda x: scaler(MEANS, SCALES)(x)[:, ::-1], **TABLE),
    pair("unicode_form", "other", letters(), letters("NFKC"), inputs="text"),
    pair("accents_removed", "other", letters(), plain_letters, inputs="text"),
    pair("padded_on_the_left", "axis-order|other", letters(), letters(left=True), inputs="text"),
    pair("cut_at_the_front", "other", letters(), letters(tail=True), inputs="text"),
    pair("batch_maximum", "other|statistics", lambda x: x / np.maximum(x.max((1, 2, 3), keepdims=True), 1).astype(F),
         lambda x: x / F(max(x.max(), 1)), inputs="batch"),
    pair("batch_reversed", "axis-order|other", lambda x: x.astype(F), lambda x: x[::-1].astype(F), inputs="batch"),
    pair("list_in_another_order", "shape|other", lambda xs: [x.astype(F) for x in xs],
         lambda xs: [x.astype(F) for x in xs[::-1]], inputs="list"),
    pair("size_turned_in_dict", "other|axis-order", as_dict(), as_dict(True)),
    pair("threshold_of_two_arguments", "shape|other", objects(100), objects(110), inputs=lambda im: (im, 1.0)),
    pair("missing_score", "dtype|shape", lambda im: {"a": im, "score": 1.0}, lambda im: {"a": im, "score": None}),
    pair("tensorflow_without_scale", "value-range", by_tensorflow, lambda im: im.astype(F)),
    pair("exif_of_two_libraries", "", opened, by_opencv(), inputs="bytes", levels=8),
    pair("tensorflow_or_numpy", "", by_tensorflow, lambda im: im.astype(F) / 255),
    pair("audio_by_product", "", lambda x: x / F(32768), lambda x: x * F(2**-15), dtype="int16", shape=(4000,)),
    pair("objects_of_a_loop", "", objects(100), lambda im, level: [
        {"score": float(im[y, x, 0]) / 255, "box": np.array([y // 8, x // 8], F)} for y in range(0, im.shape[0], 8)
        for x in range(0, im.shape[1], 8) if im[y, x, 0] > 100 * level][:40], inputs=lambda im: (im, 1.0)),
    pair("letters_normalised_twice", "", letters(), lambda s: letters()(unicodedata.normalize("NFC", s)),
         inputs="text"),
    pair("dict_in_another_order", "", as_dict(), as_dict(None)),
    pair("scaler_in_two_steps", "", scaler(MEANS, SCALES), lambda x: (x / np.asarray(SCALES) - np.asarray(
        MEANS) / np.asarray(SCALES)).astype(F), tolerance=16, **TABLE),
    pair("spectrum_by_frame", "", spectrum(PERIODIC), lambda x: np.stack([spectrum(PERIODIC)(x)[k] for k in range(
        len(spectrum(PERIODIC)(x)))]), **SIGNAL),
]  # fmt: skip
