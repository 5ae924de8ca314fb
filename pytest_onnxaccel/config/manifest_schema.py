"""The tables and keys that a manifest may hold; docs/manifest.md is generated from here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pytest_onnxaccel.config import budget_syntax as budgets
from pytest_onnxaccel.config import comparison_syntax as comparisons
from pytest_onnxaccel.config import fold_values as folds
from pytest_onnxaccel.config import manifest_values as values
from pytest_onnxaccel.config import pair_values as pairs
from pytest_onnxaccel.config import validators as scalars


class Key(NamedTuple):
    """One key of a table.

    Attributes:
        type: what is expected, in words.
        parse: from the TOML value to the value of the spec.
        field: the attribute of the spec that holds it.
        relative: there is a path in it: *parse* also takes the manifest's folder.
    """

    name: str
    type: str
    parse: Callable[..., Any]
    help: str
    example: str
    field: str
    required: bool = False
    relative: bool = False


class Table(NamedTuple):
    """One kind of table; *tables* are the kinds it may hold: by a fixed name, or by any name under it."""

    title: str
    help: str
    keys: tuple[Key, ...] = ()
    tables: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (*(key.name for key in self.keys), *self.tables)


LAYOUT_HELP = "What the result's memory layout must be: `any`, `same` as the reference's, or `C`."

_PARITY = (
    Key("rtol", "number", scalars.tolerance, "Relative tolerance of parity.", "1e-3", "rtol"),
    Key("atol", "number", scalars.tolerance, "Absolute tolerance of parity.", "1e-5", "atol"),
)

_COMMON = (
    Key(
        "reference",
        "text or table",
        values.reference,
        "What the outputs must agree with: a backend's name, the path of another `.onnx` file, `golden`, a source as "
        "`source` takes it, or `package.module:function` ([parity.md](parity.md#a-function-as-the-reference)).",
        '"onnx-tf"',
        "reference",
        relative=True,
    ),
    Key(
        "backends",
        "text or list of texts",
        values.backends,
        "Backends to run on; by default every one that runs here.",
        '["ort-cpu", "onnx-tf"]',
        "backends",
    ),
    Key(
        "batch",
        "whole number or list of them",
        values.batch,
        "Batch sizes to try.",
        "[1, 3, 10]",
        "batch",
    ),
    *_PARITY,
    Key(
        "reach",
        "number from 0 to 1",
        scalars.portion,
        "Minimum share of the weights that the inputs of parity and batch must reach ([reach.md](reach.md#reach)).",
        "0.9",
        "reach",
    ),
)

TOP = Table(
    "top level",
    "The manifest holds these tables and nothing else.",
    (),
    ("defaults", "models", "backends", "preprocessing", "fold_in"),
)

DEFAULTS = Table("[defaults]", "Settings of every model whose own table does not override them.", _COMMON, ("budget",))

MODEL = Table(
    "[models.NAME]",
    'One model; NAME is shown in reports and test ids. A name with a dot is quoted: `[models."rfb.onnx"]`.',
    (
        Key("path", "text", values.path_text, "The `.onnx` file.", '"models/rfb.onnx"', "path", required=True),
        Key(
            "source",
            "path or table",
            values.source,
            "What the model was converted from: the default reference, and what another batch is exported from. "
            "`loader` builds the module of a file that holds only weights.",
            '{path = "rfb.pth", loader = "models.ulfd:build_rfb"}',
            "source",
            relative=True,
        ),
        *_COMMON,
        Key(
            "golden",
            "path or false",
            values.golden,
            "Stored inputs and the outputs that are right for them ([golden.md](golden.md)); false ignores "
            "golden data next to the model.",
            '"rfb.golden"',
            "golden",
            relative=True,
        ),
        Key(
            "ort_library",
            "text or list of texts",
            values.libraries,
            "Libraries of custom operators for ONNX Runtime: a path, or `package.module:function` that gives one. They "
            "are code, and are loaded only where they are named.",
            '"onnxruntime_extensions:get_library_path"',
            "libraries",
            relative=True,
        ),
        Key(
            "decision",
            "text or table",
            scalars.decision,
            "Decisions that must be the same on both sides: `classification`, or a table with `kind` and the keys of "
            "[parity.md](parity.md#decisions).",
            '"classification"',
            "decision",
        ),
        Key(
            "allow_inf",
            "boolean or list of outputs",
            comparisons.outputs,
            "Outputs that may hold infinities ([comparisons.md](comparisons.md#infinities-and-random-numbers)).",
            '["log_probabilities"]',
            "allow_inf",
        ),
        Key(
            "allow_random",
            "boolean or list of outputs",
            comparisons.outputs,
            "Outputs whose numbers are drawn: dtype and shape alone are compared "
            "([comparisons.md](comparisons.md#infinities-and-random-numbers)).",
            "true",
            "allow_random",
        ),
    ),
    ("inputs", "outputs", "budget", "dims", "checks", "known"),
)

INPUT = Table(
    "[models.NAME.inputs.INPUT]",
    "How the input INPUT is filled; without a table, from what the model declares.",
    (
        Key(
            "range",
            "list of two numbers",
            values.value_range,
            "Interval from which random values are drawn; equal ends fill the input with that value.",
            "[-1, 1]",
            "range",
        ),
        Key(
            "file",
            "text",
            values.samples,
            "Samples from a `.npy` or `.npz` file; excludes `range` and `shape`.",
            '"samples.npz"',
            "file",
            relative=True,
        ),
        Key("shape", "list of whole numbers", values.shape, "Sizes of free dimensions.", "[1, 3, 240, 320]", "shape"),
        Key(
            "value",
            "number, text or boolean",
            values.element,
            "Fills the input; excludes `range`, `values`, `file` and `images`.",
            "16000",
            "value",
        ),
        Key(
            "values",
            "list of numbers, texts or booleans",
            values.elements,
            "The only values that elements may have; all of them are drawn; excludes `range`, `file` and `images`.",
            "[8000, 16000]",
            "values",
        ),
        Key(
            "batch_axis",
            "whole number",
            values.batch_axis,
            "Axis of the input that carries the batch, where the graph does not show it.",
            "1",
            "batch_axis",
        ),
        Key(
            "images",
            "text",
            values.path,
            "A glob of images, each of which is a sample; excludes `range`, `shape` and `file`.",
            '"imgs/*.jpg"',
            "images",
            relative=True,
        ),
        Key(
            "preprocess",
            "MODULE:FUNCTION",
            scalars.function,
            "Turns one image into a sample (height x width x 3, uint8, RGB); without it the image itself is fed.",
            '"serve.pre:prepare"',
            "preprocess",
        ),
    ),
)

DIMS = Table(
    "[models.NAME.dims]",
    "Sizes of free dimensions by their names: a number, a list of numbers that are tried one after the other, or an "
    'expression of other names: `sequence = [7, 128]`, `total = "past + sequence"`. A size holds for every axis of '
    "that name.",
)

OUTPUT = Table(
    "[models.NAME.outputs.OUTPUT]",
    "Tolerances of the output OUTPUT, and how it is compared.",
    (
        *_PARITY,
        Key(
            "compare",
            "text or table",
            comparisons.comparison,
            "How parity compares it: `elementwise`, `ranked`, `rows`, `decision`, `steps`, `cosine:LIMIT`, "
            "`psnr:LIMIT`, `sqnr:LIMIT`, `package.module:function` ([comparisons.md](comparisons.md)).",
            '"cosine:0.999"',
            "compare",
        ),
    ),
)

KNOWN = Table(
    "[models.NAME.known]",
    "Faults that are accepted, by the id of the check that has them, each with its code and the reason: "
    '`"parity[ort-cpu~reference]" = "V_PARITY: the evaluator rounds Resize otherwise"`, or a table with `code`, '
    "`reason` and the only `outputs` that may be at fault ([comparisons.md](comparisons.md#known-faults)).",
)

BUDGET = Table(
    "[models.NAME.budget]",
    "Latency budget; `[defaults.budget]` takes the same keys.",
    (
        Key("p50", "duration", scalars.duration, "Upper limit of the median.", '"8ms"', "p50_ns"),
        Key("p95", "duration", scalars.duration, "Upper limit of the 95th percentile.", '"12ms"', "p95_ns"),
        Key("p99", "duration", scalars.duration, "Upper limit of the 99th percentile.", '"20ms"', "p99_ns"),
        Key(
            "speedup_over",
            "BACKEND:FACTOR",
            values.speedup,
            "Minimum speed-up over another backend.",
            '"onnx-tf:3"',
            "speedup_over",
        ),
        Key(
            "regression",
            "PERCENT or PERCENT git:REVISION",
            budgets.regression,
            "Most that the model may be slower than the reference model, or than its own file at a revision.",
            '"10% git:origin/main"',
            "regression",
        ),
        Key(
            "scenario",
            "text",
            budgets.scenario,
            "How the model is called: `single-stream`, `offline`, `server:RATE`, `server:TARGET`, `idle-gap:PAUSE`.",
            '"server:100/s"',
            "scenario",
        ),
        Key("threads", "whole number", scalars.threads, "Intra-op threads.", "1", "threads"),
        Key("advise", "boolean", budgets.advise, "Print what would make the model faster.", "true", "advise"),
        Key(
            "inconclusive",
            "`warn`, `fail` or `skip`",
            budgets.inconclusive,
            "What happens to the test when a measurement cannot decide; `--onnx-inconclusive` by default.",
            '"fail"',
            "inconclusive",
        ),
    ),
)

CHECK = Table(
    "[models.NAME.checks.CHECK]",
    "Settings of a check of another distribution ([own-checks.md](own-checks.md)): keys and values are its own.",
    (),
)

BACKEND = Table(
    "[backends.NAME]",
    "Options of the execution provider NAME, such as `ort-tensorrt`, in ONNX Runtime's own words: "
    "`trt_fp16_enable = true` ([providers.md](providers.md#options)). They hold for every model.",
)

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
        Key("layout", "text", scalars.layout, LAYOUT_HELP, '"C"', "layout"),
        Key("examples", "whole number", values.examples, "Random images to try.", "500", "examples"),
        Key("seed", "whole number", scalars.seed, "Seed of the random images.", "7", "seed"),
    ),
)

#: Every kind of table, in the order of the reference.
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

TABLES = (TOP, DEFAULTS, MODEL, INPUT, DIMS, OUTPUT, KNOWN, BUDGET, CHECK, BACKEND, PREPROCESSING, FOLD_IN)
