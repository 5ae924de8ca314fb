"""The tables and keys that a manifest may hold; docs/manifest.md is generated from here."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pytest_onnxaccel import scalars, units
from pytest_onnxaccel.errors import ConfigError
from pytest_onnxaccel.registry import nearest
from pytest_onnxaccel.spec import SourceSpec


class Key(NamedTuple):
    """One key of a table.

    Attributes:
        type: what is expected, in words.
        parse: from the TOML value and the manifest's folder to the value of the spec.
        field: the attribute of the spec that holds it.
    """

    name: str
    type: str
    parse: Callable[[Any, Path], Any]
    help: str
    example: str
    field: str
    required: bool = False


class Table(NamedTuple):
    """One kind of table; *tables* are the kinds it may hold: by a fixed name, or by any name under it."""

    title: str
    help: str
    keys: tuple[Key, ...] = ()
    tables: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (*(key.name for key in self.keys), *self.tables)


def _path(value: object, folder: Path) -> str:
    return os.path.abspath(folder / os.path.expanduser(scalars.text(value, "a path")))


def _shown(value: object, folder: Path) -> str:
    return scalars.text(value, "a path")


def _samples(value: object, folder: Path) -> str:
    path = _path(value, folder)
    if not path.endswith((".npy", ".npz")):
        raise ConfigError(f"{value!r} is no file of samples", remedy="expected a .npy or .npz file")
    return path


def _reference(value: object, folder: Path) -> str:
    text = scalars.text(value, "a backend or a path")
    return _path(text, folder) if text.lower().endswith(".onnx") else text


def _source(value: object, folder: Path) -> SourceSpec:
    table = value if isinstance(value, dict) else {"path": value}
    for name in table:
        if name not in ("path", "loader"):
            raise ConfigError(f"{name!r} is no key of a source", remedy=nearest(name, ("path", "loader")))
    if "path" not in table:
        raise ConfigError("it has no path", remedy='expected {path = "rfb.pth", loader = "models.ulfd:build_rfb"}')
    loader = scalars.function(table["loader"]) if "loader" in table else None
    return SourceSpec(_path(table["path"], folder), _shown(table["path"], folder), loader)


def _backends(value: object, folder: Path) -> tuple[str, ...]:
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise ConfigError("the list is empty", remedy='expected names, such as ["ort-cpu", "onnx-tf"]')
    return tuple(dict.fromkeys(scalars.text(entry, "a backend's name") for entry in entries))


def _batch(value: object, folder: Path) -> tuple[int, ...]:
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise ConfigError("the list is empty", remedy="expected sizes, such as [1, 3, 10]")
    return tuple(dict.fromkeys(scalars.whole(entry, "batch size", "[1, 3, 10]") for entry in entries))


def _range(value: object, folder: Path) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2 or not all(_number(entry) for entry in value):
        raise ConfigError(f"{value!r} is no range", remedy="expected two numbers, such as [-1, 1]")
    low, high = float(value[0]), float(value[1])
    if low >= high:
        raise ConfigError(f"{value!r} is empty", remedy="expected the lower end first, such as [-1, 1]")
    return low, high


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _shape(value: object, folder: Path) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"{value!r} is no shape", remedy="expected a list, such as [1, 3, 240, 320]")
    return tuple(scalars.whole(entry, "size of a dimension", "[1, 3, 240, 320]") for entry in value)


def _tolerance(value: object, folder: Path) -> float:
    return scalars.tolerance(value)


def _duration(value: object, folder: Path) -> float:
    return scalars.duration(value)


def _speedup(value: object, folder: Path) -> tuple[str, float]:
    return units.speedup(scalars.text(value, "a speed-up such as onnx-tf:3"))


def _threads(value: object, folder: Path) -> int:
    return scalars.threads(value)


def _function(value: object, folder: Path) -> str:
    return scalars.function(value)


def _factor(value: object, folder: Path) -> float:
    return scalars.factor(value)


def _image_shape(value: object, folder: Path) -> tuple[int, ...]:
    return scalars.image_shape(value)


def _image_sizes(value: object, folder: Path) -> tuple[tuple[int, int], ...]:
    return scalars.image_sizes(value)


def _layout(value: object, folder: Path) -> str:
    return scalars.layout(value)


def _examples(value: object, folder: Path) -> int:
    return scalars.whole(value, "number of images", "100")


def _seed(value: object, folder: Path) -> int:
    return scalars.seed(value)


LAYOUT_HELP = "What the result's memory layout must be: `any`, `same` as the reference's, or `C`."

_PARITY = (
    Key("rtol", "number", _tolerance, "Relative tolerance of parity.", "1e-3", "rtol"),
    Key("atol", "number", _tolerance, "Absolute tolerance of parity.", "1e-5", "atol"),
)

_COMMON = (
    Key(
        "reference",
        "text",
        _reference,
        "What the outputs must agree with: a backend's name, or the path of another `.onnx` file.",
        '"onnx-tf"',
        "reference",
    ),
    Key(
        "backends",
        "text or list of texts",
        _backends,
        "Backends to run on; every one that runs here when left out.",
        '["ort-cpu", "onnx-tf"]',
        "backends",
    ),
    Key(
        "batch",
        "whole number or list of them",
        _batch,
        "Batch sizes to try.",
        "[1, 3, 10]",
        "batch",
    ),
    *_PARITY,
)

TOP = Table(
    "top level",
    "The manifest holds these tables and nothing else.",
    (),
    ("defaults", "models", "preprocessing"),
)

DEFAULTS = Table(
    "[defaults]", "What holds for every model whose own table does not say otherwise.", _COMMON, ("budget",)
)

MODEL = Table(
    "[models.NAME]",
    'One model; NAME is shown in reports and test ids. A name with a dot is quoted: `[models."rfb.onnx"]`.',
    (
        Key("path", "text", _shown, "The `.onnx` file.", '"models/rfb.onnx"', "path", required=True),
        Key(
            "source",
            "path or table",
            _source,
            "What the model was converted from: the default reference, and what another batch is exported from. "
            "`loader` builds the module of a file that holds only weights.",
            '{path = "rfb.pth", loader = "models.ulfd:build_rfb"}',
            "source",
        ),
        *_COMMON,
    ),
    ("inputs", "outputs", "budget"),
)

INPUT = Table(
    "[models.NAME.inputs.INPUT]",
    "How the input INPUT is filled; without a table, by what the model declares.",
    (
        Key("range", "list of two numbers", _range, "Random values are drawn from here.", "[-1, 1]", "range"),
        Key(
            "file",
            "text",
            _samples,
            "Samples from a `.npy` or `.npz` file; excludes `range` and `shape`.",
            '"samples.npz"',
            "file",
        ),
        Key("shape", "list of whole numbers", _shape, "Sizes of free dimensions.", "[1, 3, 240, 320]", "shape"),
    ),
)

OUTPUT = Table("[models.NAME.outputs.OUTPUT]", "Tolerances of the output OUTPUT.", _PARITY)

BUDGET = Table(
    "[models.NAME.budget]",
    "Latency budget; `[defaults.budget]` takes the same keys.",
    (
        Key("p50", "duration", _duration, "Most that the median may take.", '"8ms"', "p50_ns"),
        Key("p95", "duration", _duration, "Most that the 95th percentile may take.", '"12ms"', "p95_ns"),
        Key("p99", "duration", _duration, "Most that the 99th percentile may take.", '"20ms"', "p99_ns"),
        Key(
            "speedup_over",
            "BACKEND:FACTOR",
            _speedup,
            "Least speed-up over another backend.",
            '"onnx-tf:3"',
            "speedup_over",
        ),
        Key("threads", "whole number", _threads, "Intra-op threads.", "1", "threads"),
    ),
)

PREPROCESSING = Table(
    "[preprocessing.NAME]",
    "Two functions that must make the same of every image; NAME is shown in reports and test ids.",
    (
        Key(
            "reference",
            "MODULE:FUNCTION",
            _function,
            "What training used: takes an image (uint8, height x width x channels), gives an array.",
            '"train.data:normalise"',
            "reference",
            required=True,
        ),
        Key(
            "candidate",
            "MODULE:FUNCTION",
            _function,
            "What is deployed.",
            '"deploy.fast:normalise"',
            "candidate",
            required=True,
        ),
        Key("faster", "number", _factor, "Least factor by which the candidate is faster.", "1.5", "faster"),
        Key("shape", "list of whole numbers", _image_shape, "Shape as deployed.", "[240, 320, 3]", "shape"),
        Key("shapes", '"any" or list of sizes', _image_sizes, "Legal sizes.", "[[240, 320]]", "shapes"),
        Key(
            "tolerance",
            "number",
            _tolerance,
            "Largest difference of floats, in units in the last place of the largest value; integers are exact.",
            "4",
            "tolerance",
        ),
        Key("layout", "text", _layout, LAYOUT_HELP, '"C"', "layout"),
        Key("examples", "whole number", _examples, "Random images to try.", "500", "examples"),
        Key("seed", "whole number", _seed, "Seed of the random images.", "7", "seed"),
    ),
)

#: Every kind of table, in the order of the reference.
TABLES = (TOP, DEFAULTS, MODEL, INPUT, OUTPUT, BUDGET, PREPROCESSING)
