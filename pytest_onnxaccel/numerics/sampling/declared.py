"""What declared inputs say by themselves, and arrays of files as they are declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import Dim, InputSpec, ModelInfo, TensorSpec, dtype_label
from pytest_onnxaccel.numerics.sampling.draw import array_dtype

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Elements that are made up of a sequence.
ELEMENTS = 3


def declared_facts(info: ModelInfo) -> InputFacts:
    """Return what the declared inputs say by themselves, where the graph was not walked.

    The batch is axis 0 of them all.
    """
    free = bool(info.inputs) and all(spec.shape and not isinstance(spec.shape[0], int) for spec in info.inputs)
    shared = info.batch is not None or (free and len(info.inputs) == 1)
    return InputFacts(batch=info.batch, axes={spec.name: 0 for spec in info.inputs} if shared else {})


def elements(specs: Sequence[TensorSpec], stored: Mapping[str, Array] | None = None) -> tuple[TensorSpec, ...]:
    """Return what is fed of *specs*: of a sequence of tensors, its elements.

    Args:
        specs: the inputs.
        stored: a golden sample, whose sequences have elements of their own number and rank; by default
            :data:`ELEMENTS` of them.
    """
    found: list[TensorSpec] = []
    for spec in specs:
        if not spec.holds_tensors:
            found.append(spec)
            continue
        parts = [spec.element(place) for place in range(ELEMENTS if stored is None else len(stored))]
        found += parts if stored is None else [_of(one, stored[one.name]) for one in parts if one.name in stored]
    return tuple(found)


def _of(spec: TensorSpec, array: Array) -> TensorSpec:
    return spec if spec.shape is not None else replace(spec, shape=tuple(map(int, array.shape)))


def dim_at(spec: TensorSpec, axis: int) -> Dim:
    """Return the declared size of *axis*; None where it is open, or there is no such axis."""
    shape = spec.shape or ()
    return shape[axis] if 0 <= axis < len(shape) else None


def batch_sizes(
    specs: Sequence[TensorSpec],
    axes: Mapping[str, int],
    given: Sequence[InputSpec],
    files: Mapping[str, Sequence[Array]],
) -> set[int]:
    """Return sizes of the batch axis in the shapes that the user declared and in the samples that the user gave."""
    found = {item.shape[axes[item.name]] for item in given if item.shape and axes.get(item.name, 99) < len(item.shape)}
    for spec in specs:
        axis, rank = axes.get(spec.name), len(spec.shape or ())
        if axis is not None:
            arrays = files.get(spec.name, ())
            found |= {array.shape[axis] if array.ndim == rank else 1 for array in arrays if array.ndim > axis}
    return found


def as_declared(array: Array, spec: TensorSpec, axis: int | None = 0) -> Array:
    """Return *array* of a sample file, in the declared dtype where nothing is lost by it, and with a batch axis.

    Args:
        array: what the file holds.
        spec: the input.
        axis: where the batch belongs that a single sample lacks; None for an input without one.

    Raises:
        ModelError: ``E_INPUT``: the file holds another kind of number.
    """
    if spec.shape is not None and array.ndim == len(spec.shape) - 1 and axis is not None:
        array = np.expand_dims(array, axis)
    if spec.dtype and dtype_label(array.dtype) != spec.dtype and spec.dtype != "string":
        if not _fits(array, spec.dtype):
            raise ModelError(
                f"the sample file of input {spec.name!r} holds {array.dtype}, the model takes {spec.dtype}",
                code="E_INPUT",
                remedy="save the samples after preprocessing, in the dtype the model takes",
            )
        array = array.astype(array_dtype(spec.dtype))
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("="))
    # ascontiguousarray would turn a scalar into a vector
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def _fits(array: Array, dtype: str) -> bool:
    """Return whether *array* can be cast to *dtype*; between floats lost digits do not count."""
    try:
        target = array_dtype(dtype)
    except TypeError:
        return False
    floats = array.dtype.kind == "f" and dtype in ("float16", "float32", "float64", "bfloat16")
    return floats or np.can_cast(array.dtype, target, "safe")
