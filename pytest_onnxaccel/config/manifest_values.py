"""Values that only a manifest holds, parsed and checked; errors do not name the key, their caller does."""

from __future__ import annotations

import math
import os
from pathlib import Path

from pytest_onnxaccel.config import units
from pytest_onnxaccel.config import validators as scalars
from pytest_onnxaccel.config.validators import is_function
from pytest_onnxaccel.core.dims import is_expression
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup.registry import BACKENDS, names, nearest
from pytest_onnxaccel.core.specs import DimSpec, GoldenSpec, SourceSpec


def path(value: object, folder: Path) -> str:
    """Return a path, absolute; a relative one starts from the manifest's *folder*."""
    return os.path.abspath(folder / os.path.expanduser(path_text(value)))


def path_text(value: object) -> str:
    """Return a path as the user wrote it."""
    return scalars.text(value, "a path")


def samples(value: object, folder: Path) -> str:
    """Return the path of a file of samples."""
    found = path(value, folder)
    if not found.endswith((".npy", ".npz")):
        raise ConfigError(f"{value!r} is not a file of samples", remedy="expected a .npy or .npz file")
    return found


def reference(value: object, folder: Path) -> str | SourceSpec:
    """Return a backend's name, ``golden``, ``package.module:function``, the path of another model, or a source."""
    if isinstance(value, dict):
        return source(value, folder)
    text = scalars.text(value, "a backend, a function or a path")
    if text.lower().endswith(".onnx"):
        return path(text, folder)
    if is_function(text) or ":" in text or text in (*names(BACKENDS), "golden"):
        return text
    file = os.sep in text or "/" in text or "." in text or (folder / text).exists()
    return source(text, folder) if file else text


def source(value: object, folder: Path) -> SourceSpec:
    """Return a source by its path, or by a table of its path and loader."""
    table = value if isinstance(value, dict) else {"path": value}
    if isinstance(value, str) and is_function(value):
        raise ConfigError(f"{value!r} is a function, not a file", remedy=f'write reference = "{value}"')
    for name in table:
        if name not in ("path", "loader"):
            raise ConfigError(f"{name!r} is not a key of a source", remedy=nearest(name, ("path", "loader")))
    if "path" not in table:
        raise ConfigError("it has no path", remedy='expected {path = "rfb.pth", loader = "models.ulfd:build_rfb"}')
    loader = scalars.function(table["loader"]) if "loader" in table else None
    return SourceSpec(path(table["path"], folder), path_text(table["path"]), loader)


def golden(value: object, folder: Path) -> GoldenSpec:
    """Return stored inputs and outputs by their path; false for none, also where some are next to the model."""
    if value is False:
        return GoldenSpec("", "no")
    return GoldenSpec(path(value, folder), path_text(value))


def backends(value: object) -> tuple[str, ...]:
    """Return one name or a list of them, each once."""
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise ConfigError("the list is empty", remedy='expected names, such as ["ort-cpu", "onnx-tf"]')
    return tuple(dict.fromkeys(scalars.text(entry, "a backend's name") for entry in entries))


def batch(value: object) -> tuple[int, ...]:
    """Return one batch size or a list of them, each once."""
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise ConfigError("the list is empty", remedy="expected sizes, such as [1, 3, 10]")
    return tuple(dict.fromkeys(scalars.whole(entry, "batch size", "[1, 3, 10]") for entry in entries))


def value_range(value: object) -> tuple[float, float]:
    """Return the ends that random values are drawn between."""
    if not isinstance(value, list) or len(value) != 2 or not all(_finite(entry) for entry in value):
        raise ConfigError(f"{value!r} is not a range", remedy="expected two numbers, such as [-1, 1]")
    low, high = float(value[0]), float(value[1])
    if low > high:
        raise ConfigError(f"{value!r} is empty", remedy="expected the lower end first, such as [-1, 1]")
    return low, high


def element(value: object) -> tuple[int | float | str | bool, ...]:
    """Return one element that fills the whole input."""
    return elements([value])


def elements(value: object) -> tuple[int | float | str | bool, ...]:
    """Return the only elements that an input may have."""
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{value!r} is not a list of elements", remedy="expected a list, such as [8000, 16000]")
    found: list[int | float | str | bool] = []
    for entry in value:
        if isinstance(entry, float) and not math.isfinite(entry):
            raise ConfigError(f"{entry!r} is not finite", remedy="expected numbers, texts or booleans")
        if not isinstance(entry, (int, float, str, bool)):
            raise ConfigError(f"{entry!r} is not an element", remedy="expected numbers, texts or booleans")
        found.append(entry)
    if len({isinstance(entry, str) for entry in found}) > 1:
        raise ConfigError(f"{value!r} mixes texts and numbers", remedy="expected elements of one kind")
    return tuple(found)


def batch_axis(value: object) -> int:
    """Return the axis that carries the batch, from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 32:
        raise ConfigError(f"{value!r} is not an axis", remedy="expected a whole number, such as 1")
    return value


def dim(value: object, name: str) -> DimSpec:
    """Return what is said of the dimension *name*: a size, sizes to be tried one after the other, or an expression."""
    if isinstance(value, str):
        formula = scalars.text(value, "an expression of dimensions")
        if not is_expression(formula) and not formula.isidentifier():
            raise ConfigError(
                f"{value!r} is not arithmetic", remedy='expected an expression, such as "past + sequence"'
            )
        return DimSpec(name, (), formula)
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise ConfigError("the list is empty", remedy="expected sizes, such as [1, 7, 128]")
    return DimSpec(name, tuple(dict.fromkeys(map(_size, entries))))


def _size(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise ConfigError(
            f"{value!r} is not a size", remedy="expected a whole number, a list of them, or an expression"
        )
    return value


def _finite(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def shape(value: object) -> tuple[int, ...]:
    """Return sizes of dimensions."""
    if not isinstance(value, list):
        raise ConfigError(f"{value!r} is not a shape", remedy="expected a list, such as [1, 3, 240, 320]")
    return tuple(scalars.whole(entry, "size of a dimension", "[1, 3, 240, 320]") for entry in value)


def speedup(value: object) -> tuple[str, float]:
    """Return a backend and a factor."""
    return units.speedup(scalars.text(value, "a speed-up such as onnx-tf:3"))


def examples(value: object) -> int:
    """Return how many random images to try."""
    return scalars.whole(value, "number of images", "100")


def libraries(value: object, folder: Path) -> tuple[str, ...]:
    """Return libraries of custom operators: existing files, or functions that give their paths, as they are named."""
    entries = value if isinstance(value, list) else [value]
    found = []
    for entry in entries:
        text = scalars.text(entry, "a library's path")
        if is_function(text):
            found.append(text)
            continue
        found.append(path(text, folder))
        if not os.path.isfile(found[-1]):
            remedy = "name the file, or a function such as onnxruntime_extensions:get_library_path"
            raise ConfigError(f"there is no library at {found[-1]}", remedy=remedy)
    return tuple(dict.fromkeys(found))
