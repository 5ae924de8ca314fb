"""Further pairs as teams write them: Keras, TensorFlow, torch, Pillow, OpenCV, audio, tables and token ids."""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from suites.preprocessing.field.colours import MEAN, F, normalised, whole
from suites.preprocessing.field.pair import FieldPair, pair
from suites.preprocessing.field.resizes import AREA, CUBIC, LIN, NEAR

CAFFE = np.array([103.939, 116.779, 123.68], F)
TORCH_MEAN, TORCH_STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


# Keras
def keras_mode(mode: str) -> Any:
    def function(im: Any) -> Any:
        from keras.applications.imagenet_utils import preprocess_input

        return preprocess_input(im.astype(F), data_format="channels_last", mode=mode)

    return function


def caffe_by_hand(turned: bool = True, mean: Any = CAFFE) -> Any:
    return lambda im: (im[..., ::-1] if turned else im).astype(F) - mean


# TensorFlow
def tf_resize(size: tuple[int, int], method: str = "bilinear", antialias: bool = False) -> Any:
    def function(im: Any) -> Any:
        import tensorflow as tf

        return tf.image.resize(np.array(im), size, method=method, antialias=antialias).numpy()

    return function


def tf_crop_or_pad(size: int) -> Any:
    def function(im: Any) -> Any:
        import tensorflow as tf

        return tf.image.resize_with_crop_or_pad(np.array(im), size, size).numpy().astype(F)

    return function


def crop_or_pad(size: int, up: bool = False) -> Any:
    def function(im: Any) -> Any:
        height, width = im.shape[:2]
        top, left = max(0, (height - size + up) // 2), max(0, (width - size + up) // 2)
        part = im[top : top + size, left : left + size]
        out = np.zeros((size, size, 3), F)
        y, x = (size - part.shape[0]) // 2, (size - part.shape[1]) // 2
        out[y : y + part.shape[0], x : x + part.shape[1]] = part
        return out

    return function


def per_image_standard(floor: bool) -> Any:
    def function(im: Any) -> Any:
        x = im.astype(np.float64)
        least = 1 / np.sqrt(x.size) if floor else 1e-7
        return ((x - x.mean()) / max(x.std(), least)).astype(F)

    return function


# torchvision-like, in torch
def to_tensor(im: Any) -> Any:
    return torch.from_numpy(np.array(im)).permute(2, 0, 1).float().div(255)


def tv_pipeline(size: int, crop: int, antialias: bool = True, swap: bool = False, mean: Any = TORCH_MEAN) -> Any:
    """Return Resize(shortest side), CenterCrop, Normalize, as torchvision's presets."""

    def function(im: Any) -> Any:
        x = to_tensor(im[..., ::-1] if swap else im)[None]
        height, width = x.shape[-2:]
        if height < width:
            to = (size, max(1, int(size * width / height)))
        else:
            to = (max(1, int(size * height / width)), size)
        x = torch.nn.functional.interpolate(x, to, mode="bilinear", antialias=antialias)
        top, left = round((x.shape[-2] - crop) / 2.0), round((x.shape[-1] - crop) / 2.0)
        x = x[..., top : top + crop, left : left + crop]
        return (x - mean.view(3, 1, 1)) / TORCH_STD.view(3, 1, 1)

    return function


def squash(size: int, antialias: bool = True) -> Any:
    def function(im: Any) -> Any:
        x = torch.nn.functional.interpolate(to_tensor(im)[None], (size, size), mode="bilinear", antialias=antialias)
        return (x - TORCH_MEAN.view(3, 1, 1)) / TORCH_STD.view(3, 1, 1)

    return function


# Letterboxes
def boxed(size: int, level: float = 114, *, after: bool = False, swap: bool = False, corner: bool = False) -> Any:
    def function(im: Any) -> Any:
        height, width = im.shape[:2]
        ratio = min(size / height, size / width)
        new = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        part = cv2.resize(whole(im), new, interpolation=LIN).astype(F)
        if swap:
            part = part[..., ::-1]
        if after:
            part = part / 255
        out = np.full((size, size, 3), level, F)
        top, left = (0, 0) if corner else ((size - new[1]) // 2, (size - new[0]) // 2)
        out[top : top + new[1], left : left + new[0]] = part
        return (out if after else out / F(255)).transpose(2, 0, 1)[None]

    return function


def stretched(size: int) -> Any:
    return lambda im: (cv2.resize(whole(im), (size, size)).astype(F) / F(255)).transpose(2, 0, 1)[None]


# Layouts and types
def chw(swap: bool = False, scale: float = 255, dtype: Any = F) -> Any:
    return lambda im: ((im[..., ::-1] if swap else im).astype(dtype) / dtype(scale)).transpose(2, 0, 1)[None]


def reshaped(im: Any) -> Any:
    return (im.astype(F) / F(255)).reshape(1, 3, *im.shape[:2])


def as_dict(key: str = "pixel_values", mask: int = 1, scale: float = 255) -> Any:
    def function(im: Any) -> Any:
        return {key: im.astype(F) / F(scale), "pixel_mask": np.full(im.shape[:2], mask, np.int64)}

    return function


# Audio
def emphasis(factor: float, keep: bool = True) -> Any:
    def function(x: Any) -> Any:
        out = np.empty(len(x), F)
        out[0] = x[0] if keep else 0
        out[1:] = x[1:] - F(factor) * x[:-1]
        return out

    return function


def mel_bank(count: int, bins: int, slaney: bool) -> Any:
    points = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), count + 2)
    hertz = 700 * (10 ** (points / 2595) - 1)
    freqs = np.linspace(0, 8000, bins)
    rise = (freqs[None] - hertz[:-2, None]) / np.diff(hertz)[:-1, None]
    fall = (hertz[2:, None] - freqs[None]) / np.diff(hertz)[1:, None]
    bank = np.maximum(0, np.minimum(rise, fall))
    return bank * (2 / (hertz[2:] - hertz[:-2]))[:, None] if slaney else bank


def log_mel(*, slaney: bool = False, log10: bool = False, top: float | None = None, floor: float = 1e-10,
            hop: int = 160, centre: bool = True, transposed: bool = False) -> Any:  # fmt: skip
    window, bank = np.hanning(401)[:-1], mel_bank(40, 201, slaney)

    def function(x: Any) -> Any:
        wide = np.pad(np.asarray(x, np.float64), 200) if centre else np.asarray(x, np.float64)
        wide = np.pad(wide, (0, max(0, 400 - len(wide))))
        frames = np.lib.stride_tricks.sliding_window_view(wide, 400)[::hop]
        power = np.abs(np.fft.rfft(frames * window)) ** 2 @ bank.T
        out = np.log10(np.maximum(power, floor)) if log10 else np.log(np.maximum(power, floor))
        if top is not None:
            out = np.maximum(out, out.max() - top)
        return (out if transposed else out.T).astype(F)

    return function


def peak(x: Any) -> Any:
    return (x / max(float(np.abs(x).max()), 1e-8)).astype(F)


def loudness(x: Any) -> Any:
    return (x / max(float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))), 1e-8)).astype(F)


def mu_law(mu: float) -> Any:
    return lambda x: (np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)).astype(F)


# Tables
def scaled(mean: Any, std: Any, clip: float | None = None) -> Any:
    def function(x: Any) -> Any:
        out = (x - np.array(mean)) / np.array(std)
        return (out if clip is None else np.clip(out, -clip, clip)).astype(F)

    return function


def log_of_column(column: int) -> Any:
    def function(x: Any) -> Any:
        out = x.astype(np.float64)
        out[:, column] = np.log1p(np.abs(out[:, column]))
        return out.astype(F)

    return function


def filled(value: Any) -> Any:
    return lambda x: np.where(np.isnan(x), value, x).astype(F)


def buckets(right: bool) -> Any:
    return lambda x: np.digitize(x[:, 0], [-1.0, 0.0, 1.0], right=right)


def interactions(pairs: Any) -> Any:
    return lambda x: np.concatenate([x, *(x[:, [i]] * x[:, [j]] for i, j in pairs)], axis=1).astype(F)


# Texts
KNOWN = "the a of to and in is it you that he was for on are"
WORDS = {word: k + 3 for k, word in enumerate(KNOWN.split())}


def tokens(*, start: bool = True, end: bool = True, pad: int = 0, lower: bool = True, limit: int = 24) -> Any:
    def function(text: str) -> Any:
        found = re.findall(r"\w+|[^\w\s]", text.lower() if lower else text)
        ids = [WORDS.get(word, 20 + sum(map(ord, word)) % 1000) for word in found]
        ids = ([1] if start else []) + ids[: limit - start - end] + ([2] if end else [])
        padded = ids + [pad] * (limit - len(ids))
        return {
            "input_ids": np.array([padded]),
            "attention_mask": np.array([[1] * len(ids) + [0] * (limit - len(ids))]),
        }

    return function


def all_attended(text: str) -> Any:
    return {**tokens()(text), "attention_mask": np.ones((1, 24), np.int64)}


UNIT = {"range": (0, 1), "dtype": "float32"}
SIGNAL = {"inputs": "signal", "shape": (4000,)}
TABLE = {"inputs": "table", "shape": (60, 4)}
TEXT = {"inputs": "text"}
M4, S4 = [1.0, -0.5, 12.0, 0.1], [2.0, 1.5, 8.0, 0.3]
HOLED = np.where(np.random.default_rng(1).random((30, 4)) < 0.1, np.nan, np.random.default_rng(2).normal(size=(30, 4)))


def pillow(width: int, height: int, how: Any, mode: str = "RGB") -> Any:
    return lambda im: np.asarray(Image.fromarray(whole(im)).convert(mode).resize((width, height), how))


PAIRS: list[FieldPair] = [
    # Keras
    pair("keras_caffe", "", keras_mode("caffe"), caffe_by_hand(), tolerance=16),
    pair("keras_caffe_in_rgb", "channel-swap", keras_mode("caffe"), caffe_by_hand(turned=False)),
    pair("keras_caffe_mean_of_rgb", "channel-stat-order", keras_mode("caffe"), caffe_by_hand(mean=CAFFE[::-1].copy())),
    pair("keras_tf_or_torch", "scale|value-range", keras_mode("tf"), keras_mode("torch")),
    pair("keras_tf", "", keras_mode("tf"), lambda im: im.astype(F) * F(1 / 127.5) - 1, tolerance=16),
    pair("keras_tf_by_128", "scale", keras_mode("tf"), lambda im: im.astype(F) / F(128) - 1),
    pair("keras_tf_to_one", "value-range|scale", keras_mode("tf"), lambda im: im.astype(F) / F(255)),
    pair("keras_torch", "", keras_mode("torch"), normalised(), tolerance=64),
    pair("keras_torch_without_std", "scale", keras_mode("torch"), lambda im: im / F(255) - MEAN),
    pair("keras_twice", "value-range|scale", keras_mode("tf"), lambda im: keras_mode("tf")(keras_mode("tf")(im))),
    # TensorFlow
    pair("tf_bilinear_or_opencv", "", tf_resize((96, 128)), lambda im: cv2.resize(whole(im).astype(F), (128, 96)),
         atol=0.02, rtol=0),
    pair("tf_antialias", "resample-antialias", tf_resize((96, 128), antialias=True), tf_resize((96, 128))),
    pair("tf_cubic_or_opencv", "resample-antialias", tf_resize((96, 128), "bicubic"),
         lambda im: cv2.resize(whole(im).astype(F), (128, 96), interpolation=CUBIC), atol=0.5),
    pair("tf_area_or_opencv", "", tf_resize((60, 80), "area"), lambda im: cv2.resize(whole(im).astype(F), (80, 60),
         interpolation=AREA), shapes=[(120, 160), (480, 640), (240, 320)], atol=0.01, rtol=0),
    pair("tf_nearest_or_opencv", "resample-grid", tf_resize((96, 128), "nearest"), lambda im: cv2.resize(whole(im),
         (128, 96), interpolation=NEAR)),
    pair("tf_size_turned", "shape", tf_resize((96, 128)), tf_resize((128, 96))),
    pair("tf_crop_or_pad", "", tf_crop_or_pad(128), crop_or_pad(128)),
    pair("tf_crop_rounded_up", "offset", tf_crop_or_pad(128), crop_or_pad(128, up=True)),
    pair("tf_standard_floor", "statistics|other", per_image_standard(True), per_image_standard(False)),
    # torch
    pair("tv_antialias_off", "resample-antialias", tv_pipeline(64, 56), tv_pipeline(64, 56, antialias=False)),
    pair("tv_squashed", "offset", tv_pipeline(64, 64), squash(64), "stretches the image"),
    pair("tv_of_opencv_image", "channel-swap", tv_pipeline(64, 56), tv_pipeline(64, 56, swap=True)),
    pair("tv_resize_256_or_224", "offset|resample-grid", tv_pipeline(73, 64), tv_pipeline(64, 64)),
    pair("tv_half_mean", "scale", tv_pipeline(64, 56), tv_pipeline(64, 56, mean=torch.full((3,), 0.5))),
    pair("tv_folded", "", tv_pipeline(64, 56), lambda im: tv_pipeline(64, 56)(np.ascontiguousarray(im)).contiguous()),
    # Letterboxes
    pair("boxed_after_scaling", "pad-value", boxed(96), boxed(96, after=True)),
    pair("boxed_after_scaling_rightly", "", boxed(96), boxed(96, 114 / 255, after=True), tolerance=16),
    pair("boxed_or_stretched", "offset", boxed(96), stretched(96), "stretches the image"),
    pair("boxed_in_bgr", "channel-swap", boxed(96), boxed(96, swap=True)),
    pair("boxed_at_the_corner", "offset", boxed(96), boxed(96, corner=True)),
    # Layouts and types
    pair("reshaped_for_transposed", "axis-order", chw(), reshaped),
    pair("channels_last_given", "layout|shape", chw(), lambda im: (im.astype(F) / F(255))[None]),
    pair("without_batch_axis", "shape", chw(), lambda im: chw()(im)[0]),
    pair("float64_of_numpy", "dtype", chw(), chw(dtype=np.float64)),
    pair("bytes_to_the_model", "dtype", chw(), lambda im: im.transpose(2, 0, 1)[None]),
    pair("bgr_in_planes", "channel-swap", chw(), chw(swap=True)),
    pair("wrong_axis_flipped", "axis-order", chw(swap=True), lambda im: chw()(im)[:, :, ::-1]),
    pair("mask_of_zeros", "other|value-range|scale", as_dict(), as_dict(mask=0), "the reference 1"),
    pair("key_of_another_name", "shape", as_dict(), as_dict("images")),
    pair("dict_not_scaled", "value-range", as_dict(), as_dict(scale=1)),
    pair("unit_scaled_again", "value-range|scale", lambda x: x.transpose(2, 0, 1), lambda x: x.transpose(2, 0,
         1) / 255, **UNIT),
    pair("unit_to_bytes_cut", "truncation", lambda x: np.rint(x * 255).astype(np.uint8),
         lambda x: (x * 255).astype(np.uint8),
         **UNIT),
    pair("unit_times_256", "wraparound", lambda x: np.clip(x * 256, 0, 255).astype(np.uint8),
         lambda x: (x * 256).astype(np.int32).astype(np.uint8), **UNIT),
    pair("grey_three_times", "grey-weights", lambda im: np.repeat(cv2.cvtColor(whole(im), cv2.COLOR_RGB2GRAY)[...,
         None], 3, 2),
         lambda im: np.repeat(im.mean(-1, keepdims=True).astype(np.uint8), 3, 2)),
    pair("hsv_or_hsv_full", "other|scale|value-range", lambda im: cv2.cvtColor(whole(im), cv2.COLOR_RGB2HSV),
         lambda im: cv2.cvtColor(whole(im), cv2.COLOR_RGB2HSV_FULL)),
    pair("lab_of_bgr", "channel-swap", lambda im: cv2.cvtColor(whole(im), cv2.COLOR_RGB2LAB),
         lambda im: cv2.cvtColor(whole(im), cv2.COLOR_BGR2LAB)),
    # Audio
    pair("emphasis_first_sample", "border", emphasis(0.97), emphasis(0.97, keep=False), "only the first value",
         **SIGNAL),
    pair("emphasis_by_filter", "", emphasis(0.97), lambda x: np.convolve(x, np.array([1, -0.97],
         F))[: len(x)].astype(F),
         **SIGNAL),
    pair("mel_slaney", "scale|other", log_mel(), log_mel(slaney=True), **SIGNAL),
    pair("mel_log10", "scale", log_mel(), log_mel(log10=True), "0.434", **SIGNAL),
    pair("mel_top_db", "value-range|other|statistics", log_mel(), log_mel(top=8), **SIGNAL),
    pair("mel_turned", "shape|axis-order|layout", log_mel(), log_mel(transposed=True), **SIGNAL),
    pair("mel_not_centred", "shape|offset", log_mel(), log_mel(centre=False), **SIGNAL),
    pair("peak_or_loudness", "statistics|other", peak, loudness, **SIGNAL),
    pair("mu_law_of_255", "other|gamma", mu_law(255), mu_law(127), **SIGNAL),
    # Tables
    pair("scaler_clipped", "value-range", scaled(M4, S4), scaled(M4, S4, clip=1), **TABLE),
    pair("scaler_of_variance", "scale", scaled(M4, S4), scaled(M4, np.square(S4)), **TABLE),
    pair("log_of_another_column", "channel-stat-order", log_of_column(1), log_of_column(2), "done to the columns",
         **TABLE),
    pair("filled_by_minus_one", "other", filled(0), filled(-1), inputs="table", images=[HOLED]),
    pair("buckets_closed_right", "other|precision", buckets(False), buckets(True), inputs="table",
         images=[np.array([[-1.0], [0.0], [0.5], [1.0]])]),
    pair("interactions_in_another_order", "channel-swap|axis-order|other", interactions([(0, 1), (0, 2)]),
         interactions([(0, 2), (0, 1)]), **TABLE),
    # Texts
    pair("tokens_without_start", "other|offset", tokens(), tokens(start=False), **TEXT),
    pair("tokens_padded_by_one", "pad-value", tokens(), tokens(pad=1), "1 where the reference has 0", **TEXT),
    pair("tokens_all_attended", "other|pad-value", tokens(), all_attended, **TEXT),
    pair("tokens_cased", "other", tokens(), tokens(lower=False), **TEXT),
    pair("tokens_end_cut", "other", tokens(), tokens(limit=24, end=False), **TEXT),
]  # fmt: skip
