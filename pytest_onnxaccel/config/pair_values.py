"""Values of a pair of preprocessing functions, in a marker and in the manifest: the arguments of ``compare``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_onnxaccel.config import validators as scalars
from pytest_onnxaccel.core.errors import ConfigError

#: What a tolerance may name.
MEASURES = ("atol", "rtol", "ulp", "levels")
#: What the functions may be given, by name.
INPUTS = ("array", "pil", "bytes", "jpeg", "path", "batch", "list", "table", "signal", "yuv420", "text")
#: Element types that images may have.
ELEMENTS = (
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64",
)  # fmt: skip
#: Arguments of ``compare`` that a spec keeps together.
SETTINGS = (
    *MEASURES, "inputs", "range", "dtype", "arguments", "reference_arguments", "candidate_arguments", "unordered",
    "images",
)  # fmt: skip


def function(value: object) -> Any:
    """Return ``package.module:function`` as written, or a function itself."""
    return value if callable(value) else scalars.function(value)


def tolerance(value: object) -> Any:
    """Return a number of scaled ULP, or a mapping of some of :data:`MEASURES`."""
    if not isinstance(value, Mapping):
        return scalars.tolerance(value)
    unknown = [name for name in value if name not in MEASURES]
    if unknown or not value:
        raise ConfigError(f"{dict(value)!r} is not a tolerance", remedy=f"name some of {', '.join(MEASURES)}")
    return {str(name): scalars.tolerance(number) for name, number in value.items()}


def shape(value: object) -> tuple[int, ...]:
    """Return the shape of a sample: of an image, (samples,) of a signal, or (N, height, width, channels)."""
    if isinstance(value, (list, tuple)) and len(value) == 4:
        return tuple(scalars.whole(entry, "size of a batch", "[8, 240, 320, 3]") for entry in value)
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return (scalars.whole(value[0], "number of samples of a signal", "[16000]"),)
    return scalars.image_shape(value)


def span(value: object) -> tuple[float, float]:
    """Return the lowest and the highest legal value."""
    numbers = list(value) if isinstance(value, (list, tuple)) else []
    if len(numbers) != 2 or any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in numbers):
        raise ConfigError(f"{value!r} is not a range", remedy="expected the lowest and the highest value: [0, 1]")
    if not numbers[0] < numbers[1]:
        raise ConfigError(f"{value!r} is not a range", remedy="write the lower value first, such as [0, 1]")
    return float(numbers[0]), float(numbers[1])


def inputs(value: object) -> Any:
    """Return one of :data:`INPUTS`, a function that makes a sample of an array, or its name."""
    if callable(value) or value in INPUTS:
        return value
    if isinstance(value, str) and ":" in value:
        return scalars.function(value)
    raise ConfigError(
        f"{value!r} is not a kind of input", remedy=f"write one of {', '.join(INPUTS)}, or package.module:function"
    )


def element(value: object) -> str:
    """Return the NumPy name of an element type."""
    text = scalars.text(value, "an element type such as float32")
    if text not in ELEMENTS:
        raise ConfigError(f"{text!r} is not an element type", remedy=f"write one of {', '.join(ELEMENTS)}")
    return text


def arguments(value: object) -> dict[str, Any]:
    """Return keywords of a function."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name.isidentifier() for name in value):
        raise ConfigError(f"{value!r} are not arguments", remedy="expected names and values, such as {size = 640}")
    return dict(value)


def unordered(value: object) -> Any:
    """Return whether rows may come in any order, or the parts of the result that have such."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (list, tuple)) and value and all(isinstance(path, str) for path in value):
        return tuple(value)
    raise ConfigError(f"{value!r} names no parts of a result", remedy="write true, or paths such as ['[\"boxes\"]']")


def images(value: object) -> Any:
    """Return own samples of a marker: a list, a hypothesis strategy, a glob of files, or a function that gives them."""
    if isinstance(value, str):
        return scalars.text(value, "a glob of images, or package.module:function")
    if isinstance(value, (list, tuple)) or (hasattr(value, "map") and hasattr(value, "example")):
        return value
    raise ConfigError(f"{type(value).__name__} names no samples", remedy='expected a list, or "imgs/*.png"')


def split(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a spec: what else ``compare`` takes goes into its ``settings``."""
    settings = {name: value for name, value in given.items() if name in SETTINGS}
    fields = {name: value for name, value in given.items() if name not in SETTINGS}
    functions = {side: fields[side] for side in ("reference", "candidate") if callable(fields.get(side))}
    for side, made in functions.items():
        fields[side] = f"{getattr(made, '__module__', '')}:{getattr(made, '__qualname__', type(made).__name__)}"
    settings |= {"functions": functions} if functions else {}
    return {**fields, "settings": settings} if settings else fields
