"""What samples a comparison is about: the user's arguments and own samples together say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.preprocessing.inputs.domain import Domain
from pytest_onnxaccel.preprocessing.inputs.forms import ENCODED, Raw, adapter, batches, told
from pytest_onnxaccel.strategies.programs import limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: The deployed shape where neither an argument nor an own sample says it.
SHAPE = (240, 320, 3)
#: That of a signal and of a table.
SIGNAL, TABLE = (16000,), (200, 8)
#: Element types of samples other than images.
_TYPES = {"signal": "float32", "table": "float64"}
#: Ranges that images of floats have, narrowest first.
RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))


@record(frozen=True)
class Wanted:
    """The samples of a comparison.

    Attributes:
        domain: of the standard images; of height 0 where only the user's own samples are compared.
        given: the user's own samples.
        inputs: as the user wrote it, or as the own samples tell.
        adapt: what makes a sample of an array.
    """

    domain: Domain
    given: list[Any]
    inputs: Any
    adapt: Callable[[Array], Any] | None

    @classmethod
    def of(
        cls, given: list[Any], images: Any, inputs: Any, shape: Any, shapes: Any, span: Any, dtype: str | None
    ) -> Wanted:
        """Settle what samples are legal.

        Raises:
            ConfigError: an argument cannot be used, or two of them do not go together.
        """
        arrays = [sample for sample in given if isinstance(sample, np.ndarray)]
        own = arrays[0] if arrays else None
        kind = inputs if inputs is not None else _told(given, own, shape)
        adapt = adapter(kind)
        if kind == "text" or (given and own is None and kind == "array" and shape is None):
            return cls(Domain(0, 0, None), given, kind, adapt)
        if shape is None:
            shape = _shape(own if inputs is None or not callable(inputs) else None, given, kind)
        name = dtype or (
            str(own.dtype) if own is not None else _TYPES.get(kind, "uint8") if isinstance(kind, str) else "uint8"
        )
        if np.dtype(name).kind not in "iufb":
            raise ConfigError(f"dtype is {dtype!r}", remedy="give an integer, float or bool type, such as float32")
        if kind in ENCODED and name != "uint8":
            raise ConfigError(f'inputs="{kind}" holds bytes, and dtype is {name}', remedy="leave dtype out")
        if kind == "batch":
            adapt = batches(int(shape[0]) if len(shape) == 4 else 1, int(shape[-1]) if len(shape) > 2 else None)
        legal = limits(span, name) if span is not None else _range(arrays, name, kind)
        domain = _domain(kind, tuple(int(n) for n in shape), shapes, name, legal)
        samples = [_standard_form(sample, kind) if isinstance(sample, np.ndarray) else sample for sample in given]
        return cls(domain, samples, kind, adapt)


def _told(given: list[Any], own: Array | None, shape: Any) -> str:
    """Return what the user's own samples, or the number of axes, tell."""
    axes = own.ndim if own is not None else len(shape) if shape is not None and hasattr(shape, "__len__") else 0
    if own is not None or shape is not None:
        return {1: "signal", 4: "batch"}.get(axes, "array")
    told_of = {told(sample.value) for sample in given}
    return (next(iter(told_of)) or "array") if len(told_of) == 1 else "array"


def _shape(own: Array | None, given: list[Any], kind: Any) -> tuple[int, ...]:
    if own is not None:
        # Standard images of this number of axes; the usual size, since an own sample may be a small one
        if own.ndim == 1:
            return own.shape
        if kind == "table":
            return tuple(own.shape)
        if own.ndim == 4:
            return (1, *SHAPE[:2], own.shape[3])
        return (*SHAPE[:2], own.shape[2]) if own.ndim == 3 else SHAPE[:2]
    if kind == "pil" and given:
        return (*SHAPE[:2], 3) if all(s.value.mode != "L" for s in given if isinstance(s, Raw)) else SHAPE[:2]
    return {"signal": SIGNAL, "table": TABLE, "yuv420": (360, 320)}.get(kind, SHAPE) if isinstance(kind, str) else SHAPE


def _range(arrays: list[Array], name: str, kind: Any) -> tuple[float | None, float | None]:
    """Return the legal range of floats as the user's own samples tell it; None for the type's own."""
    if np.dtype(name).kind != "f":
        return None, None
    finite = [array[np.isfinite(array)] for array in arrays]
    finite = [array for array in finite if array.size]
    if not finite:
        return (-1.0, 1.0) if kind == "signal" else (-3.0, 3.0) if kind == "table" else (None, None)
    low, high = float(min(array.min() for array in finite)), float(max(array.max() for array in finite))
    for least, most in RANGES:
        if least <= low and high <= most and (kind != "signal" or least < 0):
            return least, most
    return (low, high) if low < high else (low - 1, high + 1)


def _domain(kind: Any, shape: tuple[int, ...], shapes: Any, dtype: str, span: Any) -> Domain:
    further: dict[str, Any] = {"low": span[0], "high": span[1]}
    if kind == "signal":
        if len(shape) != 1:
            raise ConfigError(f"shape is {shape}; that of a signal is (samples,)")
        if not isinstance(shapes, str):
            shapes = [(1, int(size[-1]) if isinstance(size, (tuple, list)) else int(size)) for size in shapes]
        return Domain.of((1, shape[0]), shapes, dtype, **further, line="signal")
    if kind == "table":
        if len(shape) != 2:
            raise ConfigError(f"shape is {shape}; that of a table is (rows, columns)")
        if not isinstance(shapes, str):
            shapes = [(int(size[0]) if isinstance(size, (tuple, list)) else int(size), 1) for size in shapes]
        return Domain.of((shape[0], 1, shape[1]), shapes, dtype, **further, line="rows")
    if kind == "batch" and len(shape) == 4:
        shape = shape[1:]
    if kind == "yuv420":
        if len(shape) != 2 or shape[0] % 3 or shape[1] % 2:
            raise ConfigError(f"shape is {shape}; that of yuv420 is (H * 3 / 2, W), both sides even")
        further["step"] = (3, 2)
    if kind in ENCODED and len(shape) == 3 and shape[2] not in (3, 4):
        raise ConfigError(f'shape is {shape}; inputs="{kind}" has (H, W), (H, W, 3) or (H, W, 4)')
    return Domain.of(shape, shapes, dtype, **further)


def _standard_form(sample: Array, kind: Any) -> Any:
    """Return an own array as a standard image would hold it, so that its adapter gives it back; else as it is."""
    if kind == "signal" and sample.ndim == 1:
        return sample[None]
    if kind == "table" and sample.ndim == 2:
        return sample[:, None]
    if kind == "array" or callable(kind) or (kind in (*ENCODED, "yuv420") and sample.ndim in (2, 3)):
        return sample
    return Raw(sample, f"{'x'.join(map(str, sample.shape))} {sample.dtype}")
