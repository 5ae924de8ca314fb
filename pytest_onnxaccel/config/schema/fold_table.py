"""The table of a preprocessing that moves into the graph of its model."""

from __future__ import annotations

from pytest_onnxaccel.config import fold_values as folds
from pytest_onnxaccel.config import pair_values as pairs
from pytest_onnxaccel.config import validators as scalars
from pytest_onnxaccel.config.schema.key import Key, Table

FOLD_IN = Table(
    "[fold_in.NAME]",
    "A preprocessing that moves into the graph of its model, proven on images "
    "([preprocessing.md](preprocessing.md#preprocessing-inside-the-model)); NAME is shown in reports and test ids.",
    (
        Key("model", "text", folds.model, "The `.onnx` file.", '"model.onnx"', "model", required=True),
        Key(
            "preprocess",
            "MODULE:FUNCTION",
            scalars.function,
            "The reference: takes an image (uint8, height x width x channels), gives what the model takes.",
            '"train.data:normalise"',
            "preprocess",
            required=True,
        ),
        Key(
            "mean",
            "number or list of numbers",
            folds.numbers,
            "In levels of the image, one for all channels or one for each, in the model's order of channels.",
            "[127, 120, 107]",
            "mean",
            required=True,
        ),
        Key(
            "scale",
            "number or list of numbers",
            folds.numbers,
            "Factor after the mean is subtracted, one for all channels or one for each.",
            "0.0078125",
            "scale",
            required=True,
        ),
        Key(
            "target",
            "text",
            folds.target,
            "The `.onnx` file to write once it is proven; without it nothing is written.",
            '"model-uint8.onnx"',
            "target",
        ),
        Key("method", "`prepend` or `conv`", folds.method, "In front of the graph, or in the first convolution.",
            '"conv"', "method"),
        Key("layout", "`NHWC`, `HWC` or `NCHW`", folds.layout, "Layout of the new input.", '"HWC"', "layout"),
        Key(
            "channel_order",
            "`same` or `reversed`",
            folds.order,
            "Whether the preprocessing exchanges RGB and BGR.",
            '"reversed"',
            "channel_order",
        ),
        Key(
            "images",
            "text",
            pairs.images,
            "Images of the model's size to prove it on: a glob of files from the rootdir, or a function that returns "
            "a list; random ones by default.",
            '"imgs/*.png"',
            "images",
        ),
        Key("backend", "text", scalars.text, "Backend that runs both models.", '"ort-cpu"', "backend"),
        Key("rtol", "number", scalars.tolerance, "Relative tolerance.", "1e-3", "rtol"),
        Key("atol", "number", scalars.tolerance, "Absolute tolerance.", "1e-5", "atol"),
    ),
)  # fmt: skip
