"""Tables of models: their settings, inputs, sizes, outputs, known faults and budgets."""

from __future__ import annotations

from pytest_onnxaccel.config import budget_syntax as budgets
from pytest_onnxaccel.config import comparison_syntax as comparisons
from pytest_onnxaccel.config import manifest_values as values
from pytest_onnxaccel.config import validators as scalars
from pytest_onnxaccel.config.schema.key import Key, Table

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
