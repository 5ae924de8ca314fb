"""Seeded inputs that are legal for what a model declares."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.random  # loaded lazily by NumPy; here, so that the first sample does not wait for it

from pytest_onnxaccel.core.dims import evaluate
from pytest_onnxaccel.core.domains import Domain
from pytest_onnxaccel.core.errors import ModelError, printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import InputSpec, TensorSpec
from pytest_onnxaccel.numerics.sampling.from_domain import draw
from pytest_onnxaccel.numerics.sampling.npz import load_arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Float inputs are drawn from here unless the user declares a range.
DEFAULT_RANGE = (-1.0, 1.0)
#: Tried when the default range gives non-finite outputs: legal for Log, Sqrt and division too, so without 0 itself.
POSITIVE_RANGE = (0.001, 1.0)
#: Largest input that is made up, bytes: sizes come from the model, which may declare anything.
LARGEST = 1 << 31

_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_FLOATS = ("float16", "float32", "float64", "bfloat16")
#: Names of ml_dtypes for the types that NumPy lacks.
_EXTENDED = {
    "bfloat16": "bfloat16", "float8e4m3fn": "float8_e4m3fn", "float8e4m3fnuz": "float8_e4m3fnuz",
    "float8e5m2": "float8_e5m2", "float8e5m2fnuz": "float8_e5m2fnuz", "float8e8m0": "float8_e8m0fnu",
    "float4e2m1": "float4_e2m1fn", "int4": "int4", "uint4": "uint4", "int2": "int2", "uint2": "uint2",
}  # fmt: skip
#: Integers of less than a byte: all of their few values are drawn.
_NARROW = ("int4", "uint4", "int2", "uint2")
#: Integers may index a table of unknown length; 0 and 1 are legal in nearly all of them.
_DEFAULT_INTEGER_RANGE = (0, 2)


def unguessable(spec: TensorSpec, domain: Domain | None = None, given: InputSpec | None = None) -> str:
    """Return why no legal value of *spec* can be made up, or an empty string.

    Args:
        spec: the input.
        domain: what the graph says of it: texts can be drawn from a list of them.
        given: what the user says of it.
    """
    if not spec.dtype and spec.kind != "tensor":
        return f"input {spec.name!r} is a {spec.kind}"
    listed = (domain is not None and bool(domain.choices)) or (given is not None and given.values is not None)
    if spec.dtype not in (*_INTEGERS, *_FLOATS, *_EXTENDED, "bool") and not (spec.dtype == "string" and listed):
        return f"input {spec.name!r} holds {spec.dtype or 'an undeclared type'}"
    if spec.shape is None:
        return f"input {spec.name!r} declares no rank"
    return ""


@record(frozen=True)
class LegalValues:
    """What is known of the values that the inputs of a model may take.

    Attributes:
        given: ranges and values that the user declared; they come before *domains*.
        floats: range of float inputs without a declared one and without a domain, the end left out.
        integers: range of such integer inputs, the end left out; None for 0 and 1.
        domains: what an input may take, by name.
        sizes: by name of a dimension, for domains that hang on one.
    """

    given: Sequence[InputSpec] = ()
    floats: tuple[float, float] = DEFAULT_RANGE
    integers: tuple[int, int] | None = None
    domains: Mapping[str, Domain] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)


def sample(
    specs: Sequence[TensorSpec],
    shapes: Mapping[str, tuple[int, ...]],
    seed: int,
    index: int,
    legal: LegalValues | None = None,
) -> dict[str, Array]:
    """Return one array per input.

    Args:
        specs: the inputs, in order.
        shapes: concrete shape by input name.
        seed: with *index* it decides the arrays, the same on every machine.
        index: number of the sample.
        legal: what the inputs may take; None where nothing is known of it.

    Raises:
        ModelError: ``E_SIZE``: an input is too large; ``E_INPUT``: a declared range holds no number of its dtype.
    """
    legal = legal or LegalValues()
    declared = {spec.name: spec for spec in legal.given if spec.says_values}
    made = {}
    for spec in specs:
        shape = shapes[spec.name]
        if _bytes(spec, shape) > LARGEST:
            raise ModelError(
                f"input {spec} would take {_bytes(spec, shape) / 1e9:.3g} GB",
                code="E_SIZE",
                remedy="declare a smaller shape for it in onnxaccel.toml, or export the model with smaller inputs",
            )
        generator = np.random.default_rng([seed, index, zlib.crc32(spec.name.encode("utf-8", "backslashreplace"))])
        user = declared.get(spec.name)
        if user is not None and user.values is not None:
            made[spec.name] = _of_values(generator, spec, shape, user, index)
            continue
        limits = (user.low, user.high) if user is not None else None
        if limits is None and spec.name in legal.domains and spec.dtype not in _NARROW:
            array = draw(generator, legal.domains[spec.name], array_dtype(spec.dtype), shape, index, legal.sizes)
            if array is not None:
                made[spec.name] = array
                continue
        made[spec.name] = _draw(generator, spec, shape, limits, legal)
    return made


def searched_range(
    spec: TensorSpec, floats: tuple[float, float], integers: tuple[int, int] | None
) -> tuple[float, float] | None:
    """Return least and greatest number of an input of which nothing is known; None where its type says it.

    Args:
        spec: the input.
        floats: range of such float inputs, the end left out.
        integers: range of such integer inputs, the end left out; None for 0 and 1.
    """
    if spec.dtype in _INTEGERS:
        low, high = integers or _DEFAULT_INTEGER_RANGE
        return low, high - 1
    return floats if spec.dtype in _FLOATS else None


def _of_values(
    generator: np.random.Generator, spec: TensorSpec, shape: tuple[int, ...], user: InputSpec, index: int
) -> Array:
    """Return elements out of the list that the user declared, each of them where there is room."""
    assert user.values is not None
    domain = Domain(spec.name, "category", choices=user.values, origin="given")
    try:
        made = draw(generator, domain, array_dtype(spec.dtype), shape, index, {})
    except (ValueError, TypeError, OverflowError):
        made = None
    whole = spec.dtype.startswith(("int", "uint")) or spec.dtype == "bool"
    if whole and any(isinstance(value, str) or value != int(value) for value in user.values):
        made = None  # a half would be cut off, and nobody told
    if made is None:
        raise ModelError(
            f"the values declared for input {spec.name!r} are not all {spec.dtype}",
            code="E_INPUT",
            remedy="declare values that are in onnxaccel.toml",
        )
    return made


def _bytes(spec: TensorSpec, shape: tuple[int, ...]) -> int:
    """Return the size of an input of *shape*, of which the dtype's name tells the width.

    At least that of the float32 draw.
    """
    return math.prod(shape) * (8 if spec.dtype.endswith("64") else 4)


def _draw(
    generator: np.random.Generator,
    spec: TensorSpec,
    shape: tuple[int, ...],
    limits: tuple[float | None, float | None] | None,
    legal: LegalValues,
) -> Array:
    if spec.dtype == "bool":
        return np.asarray(generator.integers(0, 2, shape)).astype(np.bool_)
    if spec.dtype in _INTEGERS:
        low, high = limits or legal.integers or _DEFAULT_INTEGER_RANGE
        info = np.iinfo(spec.dtype)
        first, last = max(math.ceil(low or 0), info.min), min(math.ceil(high or 0), info.max + 1)
        if low == high:  # a constant
            last = min(first, info.max) + 1
        if first >= last:
            raise ModelError(
                f"range [{low:g}, {high:g}) of input {spec.name!r} holds no {spec.dtype}",
                code="E_INPUT",
                remedy="declare a range that does in onnxaccel.toml",
            )
        return np.asarray(generator.integers(first, last, shape, dtype=spec.dtype))
    if spec.dtype in _NARROW:
        from ml_dtypes import iinfo

        ends = iinfo(array_dtype(spec.dtype))  # type: ignore[no-untyped-call]
        return np.asarray(generator.integers(int(ends.min), int(ends.max) + 1, shape)).astype(array_dtype(spec.dtype))
    low, high = limits or (POSITIVE_RANGE if spec.dtype == "float8e8m0" else legal.floats)  # which has no sign
    lower, upper = float(low or 0.0), float(high or 0.0)
    unit = generator.random(shape, dtype=np.float32 if spec.dtype != "float64" else np.float64)
    dtype = array_dtype(spec.dtype)
    values: NDArray[Any] = np.asarray(unit * (upper - lower) + lower).astype(dtype)
    if upper > lower and spec.dtype in _FLOATS:
        # Rounding to the dtype may reach the end that the range leaves out
        below: NDArray[Any] = np.nextafter(np.asarray(upper, dtype), np.asarray(lower, dtype))
        values = np.asarray(np.minimum(values, below))
    return values


def array_dtype(name: str) -> np.dtype[Any]:
    """Return NumPy's type for the dtype *name* of a :class:`TensorSpec`; text is held as objects.

    Raises:
        TypeError: it has none.
    """
    if name == "string":
        return np.dtype(object)
    if name not in _EXTENDED:
        return np.dtype(name)
    import ml_dtypes

    found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, _EXTENDED[name]))
    return found


def load_samples(spec: InputSpec, name: str) -> list[Array]:
    """Return samples of input *name* from ``spec.file``.

    A ``.npz`` holds one sample per array named *name* or ``name_0``, ``name_1`` ..., or arrays in any names when it
    holds no such name; a ``.npy`` is one sample.

    Raises:
        ModelError: ``E_INPUT``: the file cannot be read as arrays, or holds none; ``E_SIZE``: it holds too much.
    """
    assert spec.file is not None
    remedy = "save them with numpy.savez, without pickled objects"
    try:
        return load_arrays(spec.file, name)
    except ModelError as error:
        raise ModelError(
            f"samples of input {name!r} cannot be read: it {error.cause}",
            code=error.code,
            subject=spec.file,
            remedy=error.remedy or remedy,
        ) from None
    except Exception as error:  # of many kinds, by what the bytes are
        cause = printable(f"samples of input {name!r} cannot be read: {error}")
        raise ModelError(cause, code="E_INPUT", subject=spec.file, remedy=remedy) from None


def concrete(
    spec: TensorSpec, symbols: Mapping[str, int], batch: int | None, axis: int | None, given: Sequence[InputSpec] = ()
) -> tuple[int, ...]:
    """Return the shape of *spec* with its free dimensions filled in.

    Args:
        spec: the input.
        symbols: size by name of a dimension, and by ``input:axis`` or ``?`` of those without a name.
        batch: samples at once; it fills a free dimension at *axis*.
        axis: where this input has its batch; None without one.
        given: shapes that the user declared; they hold for their input.
    """
    for declared in given:
        if declared.name == spec.name and declared.shape is not None:
            return declared.shape
    shape = []
    for place, dim in enumerate(spec.shape or ()):
        if isinstance(dim, int):
            shape.append(dim)
        elif place == axis and batch is not None:
            shape.append(batch)
        else:
            found = evaluate(dim, symbols) if dim is not None else symbols.get(f"{spec.name}:{place}")
            shape.append(symbols.get("?", 1) if found is None else found)
    return tuple(shape)
