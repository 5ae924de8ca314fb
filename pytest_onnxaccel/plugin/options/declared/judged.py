"""Options that say what is judged, against what and within which limits. Imported on every pytest run."""

from __future__ import annotations

from pytest_onnxaccel.plugin.options.declared.option import MANIFEST_NAME, Option

JUDGED: tuple[Option, ...] = (
    Option(
        "model",
        "models",
        "PATH",
        "none",
        "ONNX model to validate: a file, a glob, or a folder with *.onnx files; repeatable.",
        '["models/rfb.onnx", "export/*.onnx"]',
        "linelist",
        True,
    ),
    Option(
        "manifest",
        "manifest",
        "FILE|none",
        f"{MANIFEST_NAME} in the rootdir, where there is one",
        "Manifest that names models with their inputs, tolerances and budgets; none leaves the usual one aside.",
        '"ci/onnxaccel.toml"',
    ),
    Option(
        "backend",
        "backends",
        "NAME",
        "every backend that runs here",
        "Backend to run the models on; repeatable or separated by commas.",
        '["ort-cpu", "onnx-tf"]',
        "linelist",
        True,
    ),
    Option(
        "reference",
        "reference",
        "NAME|PATH|FUNCTION",
        "chosen from the backends that run",
        "What the models must agree with: a backend, another .onnx file that runs in the same backend, golden (stored "
        "outputs alone), or the source "
        "that they were converted from (.pth, .pt, .pt2, .pb, .meta, .keras, .h5, .tflite, a SavedModel's folder, or "
        "package.module:function, which computes it in any library).",
        '"weights/rfb.pth"',
    ),
    Option(
        "golden",
        "golden",
        "PATH|write|no",
        "MODEL.golden or test_data_set_* next to the model",
        "Stored inputs and the outputs that are right for them: a folder, .npz, .safetensors or .json; write records "
        "them in MODEL.golden after a run without failures; with no, golden data next to the model is ignored.",
        '"golden/"',
    ),
    Option(
        "loader",
        "loader",
        "MODULE:CALLABLE",
        "none",
        "Builds the module of a source that holds only weights, for sources that name no loader themselves; called "
        "without arguments.",
        '"models.ulfd:build_rfb"',
    ),
    Option(
        "trust",
        "trusted",
        "NAME",
        "none",
        "Name that a source of PyTorch may refer to beyond weights and operators that compute, such as "
        "models.net.Net, torch.nn.* or torch.ops.mylib.*; or operator that a TensorFlow graph may hold, such as "
        "tensorflow:MyOp; repeatable or separated by commas.",
        '["models.net.*"]',
        "linelist",
        True,
    ),
    Option(
        "batch",
        "batch",
        "SIZES",
        "sizes that the model's own batch size suggests",
        "Batch sizes to try; repeatable or separated by commas.",
        "[1, 3, 10]",
        "linelist",
        True,
    ),
    Option(
        "require",
        "required",
        "NAME",
        "none",
        "Backend that must run: when it is absent, its checks fail and are not skipped; repeatable or separated by "
        "commas.",
        '["ort-cuda"]',
        "linelist",
        True,
    ),
    Option(
        "rtol",
        "rtol",
        "NUMBER",
        "by the output's dtype",
        "Relative tolerance of parity, for every model and output.",
        "1e-3",
    ),
    Option(
        "atol",
        "atol",
        "NUMBER",
        "by the output's dtype",
        "Absolute tolerance of parity, for every model and output.",
        "1e-5",
    ),
    Option(
        "lock",
        "lock",
        "use|write|ignore",
        "use",
        "Tolerances of onnxaccel.lock.toml next to the manifest or in the rootdir: the limits where the file exists; "
        "write measures them and writes the file.",
        '"ignore"',
    ),
    Option("seed", "seed", "INTEGER", "0", "Seed of the random inputs.", "7"),
)
