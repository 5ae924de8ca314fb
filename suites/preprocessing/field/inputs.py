"""Everything but one uint8 image: files, batches, signals, tables, texts, detections, several arguments."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from suites.preprocessing.field.pair import FieldPair, pair

F = np.float32


def opened(data: Any) -> Any:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def opened_as_is(data: Any) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def of_path(path: Any) -> Any:
    return np.asarray(Image.open(path).convert("RGB"), F) / 255


def log_mel(power: float = 2.0, floor: float = 1e-10, hop: int = 160) -> Any:
    window = np.hanning(401)[:-1].astype(np.float64)
    bank = np.maximum(0, 1 - np.abs(np.linspace(-1, 40, 201)[None] - np.arange(40)[:, None]))

    def function(x: Any) -> Any:
        wide = np.pad(np.asarray(x, np.float64), (0, max(0, 400 - len(x))))
        frames = np.lib.stride_tricks.sliding_window_view(wide, 400)[::hop]
        return np.log10(np.maximum(np.abs(np.fft.rfft(frames * window)) ** power @ bank.T, floor)).astype(F)

    return function


def scaler(mean: Any, scale: Any) -> Any:
    return lambda x: ((x - np.asarray(mean)) / np.asarray(scale)).astype(F)


def table_of(seed: int) -> Any:
    return np.random.default_rng(seed).normal([5, 0, 100, 1], [2, 1, 30, 0.1], (30, 4)).astype(F)


def imputed(value: float) -> Any:
    return lambda x: np.where(np.isnan(x), F(value), x)


def ids(lower: bool = True, limit: int = 64) -> Any:
    def function(text: str) -> Any:
        words = (text.lower() if lower else text).split()[:limit]
        return np.array([sum(map(ord, word)) % 1000 for word in words] + [0] * (limit - len(words)), np.int64)

    return function


def boxes(scale: float = 1.0, turned: bool = False) -> Any:
    def function(im: Any) -> Any:
        rows = np.argwhere(im[::4, ::4, 0] > 128)[:50].astype(F)
        rows = np.concatenate([rows, rows + 4], axis=1) * F(scale)
        return {"boxes": rows[::-1] if turned else rows, "scores": (rows[::-1] if turned else rows).sum(1)}

    return function


def with_hole(seed: int) -> Any:
    table = table_of(seed)
    table[seed % 30, seed % 4] = np.nan
    return table


def torch_of(im: Any) -> Any:
    import torch

    return torch.from_numpy(np.array(im)).permute(2, 0, 1).float() / 255


MEANS, SCALES = [5.1, 0.02, 99.5, 1.01], [2.03, 0.98, 30.4, 0.11]
TABLES = [table_of(k) for k in range(3)]
PAIRS: list[FieldPair] = [
    pair("exif", "orientation", opened, opened_as_is, "EXIF", inputs="bytes"),
    pair("palette_as_indices", "decoder|shape", opened_as_is, lambda d: np.asarray(Image.open(io.BytesIO(d))),
         inputs="bytes"),
    pair("files_in_bgr", "channel-swap", opened_as_is, lambda d: opened_as_is(d)[..., ::-1], inputs="jpeg"),
    pair("path_scaled", "value-range|scale", of_path, lambda p: of_path(p) * 255, inputs="path"),
    pair("pil_mirrored", "axis-order", lambda p: np.asarray(p.convert("RGB")), lambda p: np.asarray(
        ImageOps.mirror(p.convert("RGB"))), "mirrored", inputs="pil"),
    pair("batch_statistics", "other|statistics", lambda x: (x - x.mean((1, 2, 3), keepdims=True)).astype(F),
         lambda x: (x - x.mean()).astype(F), inputs="batch"),
    pair("only_the_first_of_a_batch", "other|channel-swap", lambda x: x[..., ::-1].astype(F), lambda x: np.concatenate(
        [x[:1, ..., ::-1], x[1:]]).astype(F), inputs="batch"),
    pair("list_of_images", "scale|value-range", lambda xs: [x / F(255) for x in xs],
         lambda xs: [xs[0] / F(255), *(x / F(256) for x in xs[1:])], inputs="list"),
    pair("int16_audio", "scale", lambda x: x / F(32768), lambda x: x / F(32767), dtype="int16", shape=(16000,)),
    pair("mel_of_magnitudes", "scale|other", log_mel(2), log_mel(1), inputs="signal", shape=(4000,)),
    pair("mel_hop", "shape", log_mel(), log_mel(hop=200), inputs="signal", shape=(4000,)),
    pair("scaler_of_another_fit", "scale", scaler(MEANS, SCALES), scaler(MEANS, [2.03, 0.98, 30.4, 0.12]),
         inputs="table", images=TABLES),
    pair("columns_swapped", "channel-swap|channel-stat-order|other", lambda x: x.copy(), lambda x: x[:, [1, 0, 2, 3]],
         inputs="table", images=TABLES),
    pair("imputed_otherwise", "other", imputed(0), imputed(1), inputs="table", images=[with_hole(1), with_hole(2)]),
    pair("text_case", "other", ids(), ids(lower=False), inputs="text"),
    pair("text_cut", "other|shape", ids(), ids(limit=60), inputs="text"),
    pair("detections_scaled", "scale|other", boxes(), boxes(1.01), unordered=True),
    pair("dict_key", "shape", lambda im: {"pixels": im / 255, "size": im.shape[0]}, lambda im: {"image": im / 255}),
    pair("dict_values", "value-range", lambda im: {"a": 1, "pixels": im / F(255)},
         lambda im: {"a": 1, "pixels": im / F(1)}),
    pair("two_arguments", "axis-order|other|shape", lambda im, size: np.resize(im, (*size, 3)),
         lambda im, size: np.resize(im, (*size[::-1], 3)), inputs=lambda im: (im, (6, 9))),
    pair("uint16_low_byte", "truncation|precision|other", lambda im: im.astype(F) / 65535,
         lambda im: (im >> 8).astype(F) * 256 / 65535, dtype="uint16"),
    pair("ten_bits", "wraparound|other|value-range|truncation", lambda im: (im >> 2).astype(np.uint8),
         lambda im: im.astype(np.uint8), dtype="uint16", range=(0, 1023)),
    pair("floats_clipped", "", lambda x: np.clip(x, 0, 1), lambda x: x.copy(), range=(0, 1), dtype="float32"),
    pair("tensor_or_array", "", torch_of, lambda im: (im.astype(F) / 255).transpose(2, 0, 1)),
    pair("detections_in_another_order", "", boxes(), boxes(turned=True), unordered=True),
    pair("mel_by_loop", "", log_mel(), lambda x: np.concatenate([log_mel()(np.pad(np.asarray(x, np.float64), (0, max(
        0, 400 - len(x))))[k : k + 400]) for k in range(0, max(1, max(len(x), 400) - 399), 160)]), inputs="signal",
        shape=(4000,), tolerance=16),
    pair("scaler_by_product", "", scaler(MEANS, SCALES), lambda x: ((x - np.asarray(MEANS)) * (
        1 / np.asarray(SCALES))).astype(F), inputs="table", images=TABLES),
    pair("text_twice", "", ids(), lambda s: ids()(" ".join(s.split())), inputs="text"),
    pair("batch_or_loop", "", lambda x: x.astype(F) / 255, lambda x: np.stack([im.astype(F) / 255 for im in x]),
         inputs="batch"),
]  # fmt: skip
