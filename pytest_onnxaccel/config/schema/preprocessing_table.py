"""The table of a pair of preprocessing functions."""

from __future__ import annotations

from pytest_onnxaccel.config import manifest_values as values
from pytest_onnxaccel.config import pair_values as pairs
from pytest_onnxaccel.config import validators as scalars
from pytest_onnxaccel.config.schema.key import Key, Table

PREPROCESSING = Table(
    "[preprocessing.NAME]",
    "Two functions that must give the same result for every image; NAME is shown in reports and test ids.",
    (
        Key(
            "reference",
            "MODULE:FUNCTION",
            scalars.function,
            "The function used in training: takes an image (uint8, height x width x channels) and returns an array.",
            '"train.data:normalise"',
            "reference",
            required=True,
        ),
        Key(
            "candidate",
            "MODULE:FUNCTION",
            scalars.function,
            "The deployed function.",
            '"deploy.fast:normalise"',
            "candidate",
            required=True,
        ),
        Key(
            "faster", "number", scalars.factor, "Minimum factor by which the candidate must be faster.", "1.5", "faster"
        ),
        Key("shape", "list of whole numbers", pairs.shape, "Shape as deployed.", "[240, 320, 3]", "shape"),
        Key("shapes", '"any" or list of sizes', scalars.image_sizes, "Legal sizes.", "[[240, 320]]", "shapes"),
        Key(
            "tolerance",
            "number or table",
            pairs.tolerance,
            "Largest difference of floats, in units in the last place of the largest value; integers are exact. Or a "
            "table of `atol`, `rtol`, `ulp`, `levels`.",
            "4",
            "tolerance",
        ),
        Key("atol", "number", scalars.tolerance, "Absolute tolerance, for every type.", "1e-6", "atol"),
        Key("rtol", "number", scalars.tolerance, "Relative tolerance, for every type.", "1e-5", "rtol"),
        Key("ulp", "number", scalars.tolerance, "The same as `tolerance` with a number.", "8", "ulp"),
        Key("levels", "number", scalars.tolerance, "Largest difference of integers.", "1", "levels"),
        Key(
            "images",
            "text",
            pairs.images,
            "Own samples, tried first: a glob of files from the rootdir, or a function that returns a list.",
            '"imgs/*.png"',
            "images",
        ),
        Key(
            "inputs",
            "text",
            pairs.inputs,
            "What the functions are given: `array`, `pil`, `bytes`, `jpeg`, `path`, `batch`, `list`, `table`, "
            "`signal`, `yuv420`, `text`, or a function that makes it of an array.",
            '"pil"',
            "inputs",
        ),
        Key("range", "list of two numbers", pairs.span, "Lowest and highest legal value.", "[0, 1]", "range"),
        Key("dtype", "text", pairs.element, "Element type of the images.", '"float32"', "dtype"),
        Key("arguments", "table", pairs.arguments, "Keywords that both functions get.", "{size = 640}", "arguments"),
        Key(
            "reference_arguments",
            "table",
            pairs.arguments,
            "Keywords of the reference alone.",
            '{backend = "pil"}',
            "reference_arguments",
        ),
        Key(
            "candidate_arguments",
            "table",
            pairs.arguments,
            "Keywords of the candidate alone.",
            "{fast = true}",
            "candidate_arguments",
        ),
        Key(
            "unordered",
            "boolean or list of outputs",
            pairs.unordered,
            "Rows of the result may come in any order, such as detections: all, or those of some paths.",
            "true",
            "unordered",
        ),
        Key(
            "layout",
            "text",
            scalars.layout,
            "What the result's memory layout must be: `any`, `same` as the reference's, or `C`.",
            '"C"',
            "layout",
        ),
        Key("examples", "whole number", values.examples, "Random images to try.", "500", "examples"),
        Key("seed", "whole number", scalars.seed, "Seed of the random images.", "7", "seed"),
    ),
)

#: Every kind of table, in the order of the reference.
