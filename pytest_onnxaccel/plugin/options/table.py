"""The table of options: each is a command-line option and an ini key of the same name.

Imported on every pytest run, so it loads nothing; :mod:`~pytest_onnxaccel.plugin.options.parsers` parses what is given.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

#: The manifest that is read when it lies in pytest's rootdir.
MANIFEST_NAME = "onnxaccel.toml"

#: What ``[tool.pytest]`` may hold for each kind of ini key, in words.
IniType = Literal["string", "linelist", "bool"]


class Option(NamedTuple):
    """One row of the table.

    Attributes:
        name: ``model`` for ``--onnx-model`` and the ini key ``onnx_model``.
        field: the attribute of ``Settings`` that holds the value.
        metavar: what stands for the value in ``--help``; empty for a switch.
        default: what holds when nothing is given, in words.
        help: one sentence for ``--help`` and docs/options.md.
        example: a value as written in ``[tool.pytest]`` of pyproject.toml.
        ini: type of the ini key.
        repeat: the option may be given several times.
        bare: the value of the option without one; empty where it must have one. With one it is written behind ``=``.
    """

    name: str
    field: str
    metavar: str
    default: str
    help: str
    example: str
    ini: IniType = "string"
    repeat: bool = False
    bare: str = ""

    @property
    def flag(self) -> str:
        return "--onnx-" + self.name

    @property
    def key(self) -> str:
        return "onnx_" + self.name.replace("-", "_")


OPTIONS: tuple[Option, ...] = (
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
    Option(
        "timeout",
        "timeout_s",
        "DURATION",
        "120s",
        "Time limit of each stage of a worker (load, run), such as 30s or 2min; a bare number is in seconds.",
        '"2min"',
    ),
    Option(
        "memory",
        "memory_bytes",
        "SIZE",
        "most of the machine's memory",
        "Memory limit of a worker, such as 8GB or 512MiB.",
        '"8GB"',
    ),
    Option(
        "report",
        "report",
        "FILE",
        "none",
        "Write the results to FILE; the format follows the extension (.json, .md, .html); repeatable.",
        '["onnxaccel.json", "onnxaccel.html"]',
        "linelist",
        True,
    ),
    Option(
        "baseline",
        "baseline",
        "FILE",
        "none",
        "JSON report of an earlier run: the run fails when an error, a finding or a ratio that was measured in one run "
        "grew worse, or a check is gone.",
        '"baseline.json"',
    ),
    Option(
        "inconclusive",
        "inconclusive",
        "warn|fail|skip",
        "warn",
        "What happens to the test when a measurement cannot decide: warn lets it pass with a warning.",
        '"fail"',
    ),
    Option(
        "hygiene",
        "hygiene",
        "warn|fail",
        "warn",
        "What happens to the test when the hygiene check has findings.",
        '"fail"',
    ),
    Option(
        "localise",
        "localise",
        "yes|no",
        "yes",
        "Whether a failed parity check names the node where the two sides part and the odd engine, and saves the case.",
        '"no"',
    ),
    Option(
        "budget",
        "budget",
        "KEY=VALUE",
        "none",
        "Latency budget of every model: p50, p95 or p99=DURATION, speedup_over=BACKEND:FACTOR, "
        "regression=PERCENT[ git:REVISION], scenario, threads=N, advise, inconclusive; repeatable.",
        '["p95=12ms", "threads=1"]',
        "linelist",
        True,
    ),
    Option(
        "advise",
        "advise",
        "DIR",
        "off",
        "Try what would make each model faster, and print what is certain to; with DIR, write the faster model there.",
        '"advice"',
        bare="true",
    ),
    Option(
        "python",
        "pythons",
        "NAME=PATH",
        "the environment that `python -m pytest_onnxaccel env NAME` built",
        "Interpreter of a backend's own environment, such as onnx-tf=/opt/onnx-tf/bin/python; repeatable.",
        '["onnx-tf=/opt/onnx-tf/bin/python"]',
        "linelist",
        True,
    ),
    Option(
        "provider-option",
        "providers",
        "BACKEND.KEY=VALUE",
        "the provider's own choices",
        "Option of an execution provider of ONNX Runtime, such as ort-tensorrt.trt_fp16_enable=1; repeatable.",
        '["ort-cuda.use_tf32=0"]',
        "linelist",
        True,
    ),
    Option(
        "allow-cpu-nodes",
        "cpu_nodes",
        "NUMBER|OPERATOR",
        "none",
        "Nodes that an accelerator may leave to the CPU: how many, operators, or both; separated by commas.",
        '"2,Shape"',
    ),
    Option(
        "fuzz-examples",
        "fuzz_examples",
        "NUMBER",
        "100",
        "Random images that each pair of preprocessing functions is compared on, after the fixed ones.",
        "500",
    ),
    Option(
        "fuzz-profile",
        "fuzz_profile",
        "ci|nightly",
        "ci",
        "Which random images to use: the same ones in every run (ci), or new ones (nightly).",
        '"nightly"',
    ),
    Option(
        "fuzz-corpus",
        "fuzz_corpus",
        "FOLDER",
        "none",
        "Folder of reduced images (.npz) of past failures: replayed first, and new ones are added.",
        '"tests/corpus"',
    ),
    Option(
        "sandbox",
        "sandbox",
        "auto|require|off",
        "auto",
        "Whether workers confine themselves before they open a model: auto as far as the system can, require wholly or "
        "the run ends, off not at all.",
        '"require"',
    ),
    Option(
        "readable",
        "readable",
        "PATH",
        "none",
        "File or folder that confined workers may read in addition to their libraries, such as weights that a loader "
        "opens; repeatable.",
        '["weights"]',
        "linelist",
        True,
    ),
    Option(
        "ort-library",
        "libraries",
        "PATH|FUNCTION",
        "none",
        "Library of custom operators that ONNX Runtime loads for every model: a path, or package.module:function that "
        "gives one; it is code, and loaded only where it is named; repeatable.",
        '["onnxruntime_extensions:get_library_path"]',
        "linelist",
        True,
    ),
    Option(
        "env",
        "env",
        "NAME",
        "none",
        "Environment variable that workers see in addition to the usual ones, by its exact name; repeatable or "
        "separated by commas.",
        '["ORT_TENSORRT_FP16_ENABLE"]',
        "linelist",
        True,
    ),
    Option(
        "strict",
        "strict",
        "",
        "off",
        "A gate's preset: what is inconclusive, hygiene findings, and backends of --onnx-backend that are absent fail.",
        "true",
        "bool",
    ),
    Option(
        "only",
        "only",
        "",
        "off",
        "Run the built-in checks alone, and no other test.",
        "true",
        "bool",
    ),
    Option(
        "in-process",
        "in_process",
        "",
        "off",
        "Run backends in the pytest process, for a debugger: no time or memory limit, a crash ends the run.",
        "true",
        "bool",
    ),
)

BY_NAME = {option.name: option for option in OPTIONS}
