"""Strategies of legal inputs of an ONNX model."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from pytest_onnxaccel.core.errors import ConfigError, ModelError
from pytest_onnxaccel.core.specs import Dim, ModelInfo, TensorSpec
from pytest_onnxaccel.numerics.sampling.draw import DEFAULT_RANGE, array_dtype, unguessable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: What a float input may hold beside ordinary numbers.
SPECIALS = ("nan", "inf", "-inf", "denormal", "negative-zero", "largest")

_PATTERNS = ("low", "high", "zero", "alternating", "uniform")

Size = int | st.SearchStrategy[int]


class Feeds(dict[str, Any]):
    """One array per input, by name, as a session takes them.

    Attributes:
        special: which of :data:`SPECIALS` an element of a float input holds; empty for ordinary inputs, so that a
            test can judge the two apart.
    """

    special: str = ""


def model_inputs(
    model: ModelInfo | str | os.PathLike[str] | Any,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    specials: bool = False,
    *,
    sizes: Mapping[str, Size] | None = None,
    max_size: int = 4,
) -> st.SearchStrategy[Feeds]:
    """Return legal inputs of *model*: a dict of arrays, with one size per symbolic dimension throughout.

    Args:
        model: path of an ``.onnx`` file, a :class:`~pytest_onnxaccel.core.specs.ModelInfo`, or the ``onnx_model``
            fixture.
        ranges: by input name, ``(low, high)`` of its values, *high* left out; without, floats come from [-1, 1)
            and integers are 0 and 1.
        specials: also inputs whose float elements hold NaN, Inf, denormals; ``.special`` of what is drawn says which.
        sizes: sizes of free dimensions, by symbol; ``"?"`` for those without a name.
        max_size: largest size of a free dimension that *sizes* does not name.

    Raises:
        ModelError: the file cannot be read, or no legal value of an input can be made up.
        ConfigError: *ranges* or *sizes* name what the model does not have, or hold no number.
    """
    info = _info(model)
    for spec in info.inputs:
        if reason := unguessable(spec):
            raise ModelError(reason, code="E_INPUT", remedy="write a strategy of your own for this model")
    limits = {spec.name: _limits(spec, ranges or {}) for spec in info.inputs}
    symbols = sorted({_key(info, spec, axis) for spec in info.inputs for axis, _ in _free(spec)})
    _known("ranges", ranges or {}, [spec.name for spec in info.inputs])
    _known("sizes", sizes or {}, [*symbols, "?"])
    chosen = {key: _size(key, sizes or {}, max_size) for key in symbols}
    return st.builds(
        lambda drawn, fills, special, place: _feeds(info, limits, drawn, fills, special, place),
        st.fixed_dictionaries(chosen),
        st.fixed_dictionaries({spec.name: _fill() for spec in info.inputs}),
        st.sampled_from(("", *SPECIALS)) if specials and any(_is_float(s) for s in info.inputs) else st.just(""),
        st.integers(0, 2**16 - 1),
    )


def _info(model: Any) -> ModelInfo:
    if isinstance(model, ModelInfo):
        return model
    if isinstance(model, (str, os.PathLike)):
        from pytest_onnxaccel.graph.describe import inspect

        return ModelInfo.from_json(inspect(os.fspath(model)))
    info = getattr(model, "info", None)
    if isinstance(info, ModelInfo):
        return info
    raise ConfigError(f"model is {type(model).__name__}; give a path, a ModelInfo or the onnx_model fixture")


def _known(what: str, given: Mapping[str, Any], names: list[str]) -> None:
    for name in given:
        if name not in names:
            raise ConfigError(f"{what} names {name!r}; the model has {', '.join(dict.fromkeys(names)) or 'none'}")


def _free(spec: TensorSpec) -> list[tuple[int, Dim]]:
    return [(axis, dim) for axis, dim in enumerate(spec.shape or ()) if not isinstance(dim, int)]


def _key(info: ModelInfo, spec: TensorSpec, axis: int) -> str:
    """Return the name of a free dimension: its symbol, else one for all first axes and one for each other axis."""
    dim = (spec.shape or ())[axis]
    if isinstance(dim, str) and dim:
        return dim
    return "?0" if axis == 0 else f"?{spec.name}/{axis}"


def _size(key: str, sizes: Mapping[str, Size], max_size: int) -> st.SearchStrategy[int]:
    given = sizes.get(key, sizes.get("?") if key.startswith("?") else None)
    if given is None:
        return st.integers(1, max_size)
    return st.just(given) if isinstance(given, int) else given


def _is_float(spec: TensorSpec) -> bool:
    return spec.dtype.startswith(("float", "bfloat"))


def _limits(spec: TensorSpec, ranges: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    """Return the lowest and the highest value, both legal."""
    if spec.dtype == "bool":
        return 0, 1
    low, high = (float(v) for v in ranges.get(spec.name, DEFAULT_RANGE if _is_float(spec) else (0, 2)))
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ConfigError(f"range of {spec.name!r} is ({low:g}, {high:g}); it is (low, high), finite")
    if _is_float(spec):
        dtype = array_dtype(spec.dtype)
        below = float(np.nextafter(np.asarray(high, dtype), np.asarray(low, dtype)))
        return low, below if high > low else high
    info = np.iinfo(spec.dtype)
    first, last = max(math.ceil(low), int(info.min)), min(math.ceil(high) - (low != high), int(info.max))
    if first > last:
        raise ConfigError(f"range of {spec.name!r} is ({low:g}, {high:g}); it holds no {spec.dtype}")
    return first, last


def _fill() -> st.SearchStrategy[tuple[str, int]]:
    return st.tuples(st.sampled_from(_PATTERNS), st.integers(0, 2**16 - 1))


def _feeds(
    info: ModelInfo,
    limits: Mapping[str, tuple[float, float]],
    drawn: Mapping[str, int],
    fills: Mapping[str, tuple[str, int]],
    special: str,
    place: int,
) -> Feeds:
    feeds = Feeds()
    for spec in info.inputs:
        dims = spec.shape or ()
        shape = tuple(d if isinstance(d, int) else drawn[_key(info, spec, i)] for i, d in enumerate(dims))
        feeds[spec.name] = _filled(spec, shape, limits[spec.name], *fills[spec.name])
    floats = [spec.name for spec in info.inputs if _is_float(spec) and feeds[spec.name].size]
    if special and floats:
        array = feeds[floats[place % len(floats)]]
        array.reshape(-1)[place % array.size] = _special(special, array.dtype)
        feeds.special = special
    return feeds


def _filled(spec: TensorSpec, shape: tuple[int, ...], limits: tuple[float, float], pattern: str, seed: int) -> Array:
    low, high = limits
    dtype = array_dtype(spec.dtype)
    make: dict[str, Callable[[], Any]] = {
        "low": lambda: np.full(shape, low),
        "high": lambda: np.full(shape, high),
        "zero": lambda: np.full(shape, min(max(0, low), high)),
        "alternating": lambda: np.where(np.arange(math.prod(shape)).reshape(shape) % 2, high, low),
        "uniform": lambda: _uniform(spec, shape, low, high, seed),
    }
    values = np.asarray(make[pattern]())
    exact = values.astype(dtype)
    # rounding to a narrow type may step past the ends
    return np.clip(exact, np.asarray(low, dtype), np.asarray(high, dtype)) if _is_float(spec) else exact


def _uniform(spec: TensorSpec, shape: tuple[int, ...], low: float, high: float, seed: int) -> Array:
    generator = np.random.default_rng(seed)
    if _is_float(spec):
        return np.asarray(generator.random(shape) * (high - low) + low)
    dtype = np.uint64 if spec.dtype == "uint64" else np.int64
    return np.asarray(generator.integers(int(low), int(high), shape, dtype=dtype, endpoint=True))


def _special(name: str, dtype: np.dtype[Any]) -> Any:
    if name in ("nan", "inf", "-inf"):
        return float(name)
    if name == "negative-zero":
        return -0.0
    tiny = np.nextafter(np.zeros((), dtype), np.ones((), dtype))
    if name == "denormal":
        return tiny
    # the type's largest finite value, also for types that np.finfo does not know
    return np.nextafter(np.asarray(np.inf, dtype), np.zeros((), dtype))
