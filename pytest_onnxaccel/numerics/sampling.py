"""Seeded inputs that are legal for what a model declares."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.errors import ModelError
from pytest_onnxaccel.spec import InputSpec, TensorSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Float inputs are drawn from here unless the user declares a range.
DEFAULT_RANGE = (-1.0, 1.0)
#: Tried when the default range gives non-finite outputs: legal for Log and Sqrt too.
POSITIVE_RANGE = (0.0, 1.0)

_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_FLOATS = ("float16", "float32", "float64", "bfloat16")
#: Integers may index a table of unknown length; 0 and 1 are legal in nearly all of them.
_DEFAULT_INTEGER_RANGE = (0, 2)


def unguessable(spec: TensorSpec) -> str:
    """Why no legal value of *spec* can be made up, or an empty string."""
    if spec.kind != "tensor":
        return f"input {spec.name!r} is a {spec.kind}"
    if spec.dtype not in (*_INTEGERS, *_FLOATS, "bool"):
        return f"input {spec.name!r} holds {spec.dtype or 'an undeclared type'}"
    if spec.shape is None:
        return f"input {spec.name!r} declares no rank"
    return ""


def sample(
    specs: Sequence[TensorSpec],
    shapes: Mapping[str, tuple[int, ...]],
    seed: int,
    index: int,
    given: Sequence[InputSpec] = (),
    floats: tuple[float, float] = DEFAULT_RANGE,
) -> dict[str, Array]:
    """One array per input.

    Args:
        shapes: concrete shape by input name.
        seed, index: the same pair gives the same arrays on every machine; *index* tells samples apart.
        given: ranges that the user declared.
        floats: range of float inputs without one.
    """
    ranges = {spec.name: (spec.low, spec.high) for spec in given if spec.low is not None and spec.high is not None}
    made = {}
    for spec in specs:
        generator = np.random.default_rng([seed, index, zlib.crc32(spec.name.encode())])
        made[spec.name] = _draw(generator, spec, shapes[spec.name], ranges.get(spec.name), floats)
    return made


def _draw(
    generator: np.random.Generator,
    spec: TensorSpec,
    shape: tuple[int, ...],
    limits: tuple[float | None, float | None] | None,
    floats: tuple[float, float],
) -> Array:
    if spec.dtype == "bool":
        return generator.integers(0, 2, shape).astype(np.bool_)
    if spec.dtype in _INTEGERS:
        low, high = limits or _DEFAULT_INTEGER_RANGE
        info = np.iinfo(spec.dtype)
        first, last = max(int(low or 0), info.min), min(int(high or 0), info.max)
        return generator.integers(first, max(first + 1, last), shape, dtype=spec.dtype)
    low, high = limits or floats
    lower, upper = float(low or 0.0), float(high or 0.0)
    unit = generator.random(shape, dtype=np.float32 if spec.dtype != "float64" else np.float64)
    values = unit * (upper - lower) + lower
    if spec.dtype == "bfloat16":
        import ml_dtypes

        return values.astype(ml_dtypes.bfloat16)
    return values.astype(spec.dtype)


def load_samples(spec: InputSpec, name: str) -> list[Array]:
    """Samples of input *name* from ``spec.file``.

    A ``.npz`` holds one sample per array named *name* or ``name_0``, ``name_1`` ..., or arrays in any names when it
    holds no such name; a ``.npy`` is one sample.

    Raises:
        ModelError: ``E_INPUT``: the file cannot be read as arrays.
    """
    assert spec.file is not None
    try:
        loaded: Any = np.load(spec.file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return [loaded]
        with loaded:
            keys = [k for k in loaded.files if k == name or (k.startswith(name + "_") and k[len(name) + 1 :].isdigit())]
            return [np.asarray(loaded[k]) for k in keys or loaded.files]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"samples of input {name!r} cannot be read: {error}",
            code="E_INPUT",
            subject=spec.file,
            remedy="save them with numpy.savez, without pickled objects",
        ) from None


def concrete(
    spec: TensorSpec, symbols: Mapping[str, int], free: int, batch: int | None, given: Sequence[InputSpec] = ()
) -> tuple[int, ...]:
    """Shape of *spec* with symbols and unnamed dimensions filled in; axis 0 is *batch* where it is free."""
    for declared in given:
        if declared.name == spec.name and declared.shape is not None:
            return declared.shape
    shape = []
    for axis, dim in enumerate(spec.shape or ()):
        if isinstance(dim, int):
            shape.append(dim)
        elif axis == 0 and batch is not None:
            shape.append(batch)
        else:
            shape.append(symbols.get(dim, free) if dim is not None else free)
    return tuple(shape)
