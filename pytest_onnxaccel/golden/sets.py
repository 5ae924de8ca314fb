"""Golden sets that fit a model: each value has the name, dtype and shape that the model declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.dims import is_expression
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import TensorSpec, dtype_label
from pytest_onnxaccel.golden.layout import misfit, wrong
from pytest_onnxaccel.golden.values import Value, unpack
from pytest_onnxaccel.numerics.unpacked import holder

if TYPE_CHECKING:
    from pytest_onnxaccel.golden.values import Array

#: Types that no ``.npy`` file can hold: there they are stored as a wider type that loses nothing.
_WITHOUT_NPY = ("bfloat16", "float8", "float4", "int4", "uint4", "int2", "uint2")


@record(frozen=True)
class GoldenSet:
    """Inputs, and the outputs that are right for them.

    Attributes:
        name: of its folder or file.
        inputs, outputs: by name, in the declared order; an array, or a sequence, map or None.
        files: path of the file by ``input/NAME`` and ``output/NAME``.
    """

    name: str
    inputs: Mapping[str, Value] = field(default_factory=dict)
    outputs: Mapping[str, Value] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of its inputs."""
        return {name: tuple(getattr(array, "shape", ())) for name, array in self.inputs.items()}

    @property
    def unfed(self) -> str:
        """The first input that is not a tensor, which a session does not take; or empty."""
        return next((name for name, value in self.inputs.items() if not isinstance(value, np.ndarray)), "")


def fitted(
    told: Sequence[Mapping[str, Any]], data: bytes, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> list[GoldenSet]:
    """Return the sets that a worker read, once each of their values is seen to fit what the model declares.

    Args:
        told: as :func:`~pytest_onnxaccel.golden.read.read` gives them.
        data: the arrays' bytes.
        inputs: what the model declares.
        outputs: what the model declares.

    Raises:
        ModelError: ``E_GOLDEN``, naming the file, what it holds and what the model declares.
    """
    sets = [_one(entry, data, inputs, outputs) for entry in told]
    for number, later in enumerate(sets):
        for earlier in sets[:number]:
            if _equal(earlier.inputs, later.inputs) and not _equal(earlier.outputs, later.outputs):
                raise wrong(f"has the inputs of {earlier.name} and other outputs", later.name, "keep one of them")
    return sets


def _one(
    entry: Mapping[str, Any], data: bytes, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> GoldenSet:
    sides: dict[str, dict[str, Value]] = {}
    files: dict[str, str] = {}
    for side, specs in (("input", inputs), ("output", outputs)):
        values = {str(name): unpack(packed, data) for name, packed in entry[side].items()}
        where = entry["files"]
        told = [str(where.get(f"{side}/{name}", where.get(side, entry["name"]))) for name in values]
        files |= {f"{side}/{name}": file for name, file in zip(values, told, strict=True)}
        parts = _parts(values, specs)
        whole = {name for names in parts.values() for name in names}
        _check_names(side, values.keys() - whole, [s for s in specs if s.name not in parts], told, str(entry["name"]))
        sides[side] = {}
        for spec in specs:
            if spec.name in parts:
                sides[side] |= {name: values[name] for name in parts[spec.name]}
                continue
            value = _as_declared(values[spec.name], spec, side, files[f"{side}/{spec.name}"])
            elements = _elements(spec, value) if side == "input" else {}
            sides[side] |= elements or {spec.name: value}
            files |= {f"{side}/{name}": files[f"{side}/{spec.name}"] for name in elements}
    _check_symbols(sides["input"], inputs, lambda name: files[f"input/{name}"])
    return GoldenSet(str(entry["name"]), sides["input"], sides["output"], files)


def _parts(values: Mapping[str, Value], specs: Sequence[TensorSpec]) -> dict[str, list[str]]:
    """Return the arrays that sequences and maps are stored as, as sessions give them: ``parts/0``, ``p[cat, dog]``."""
    holding = [spec.name for spec in specs if spec.kind != "tensor" and spec.name not in values]
    found: dict[str, list[str]] = {}
    for name, value in values.items():
        whole = holder(name, holding)
        if whole != name and isinstance(value, np.ndarray):
            found.setdefault(whole, []).append(name)
    return found


def _elements(spec: TensorSpec, value: Value) -> dict[str, Value]:
    """Return the elements of a sequence of tensors by the names that they are fed under; of anything else, nothing."""
    if not spec.holds_tensors or not isinstance(value, list) or not all(isinstance(one, np.ndarray) for one in value):
        return {}
    return {spec.element(place).name: one for place, one in enumerate(value)}


def _check_names(side: str, values: Iterable[str], specs: Sequence[TensorSpec], told: Sequence[str], of: str) -> None:
    declared = [spec.name for spec in specs]
    file = told[0] if told else of
    for name in values:
        if name not in declared:
            raise misfit(f"holds {side} {name!r}, which the model does not have", file)
    for name in declared:
        if name not in values:
            raise misfit(f"lacks {side} {name!r}", file)


def _as_declared(value: Value, spec: TensorSpec, side: str, file: str) -> Value:
    kind = "tensor" if isinstance(value, np.ndarray) else "map" if isinstance(value, dict) else "sequence"
    if spec.kind.startswith("optional"):
        return value
    if value is None or kind != spec.kind:
        raise misfit(f"holds a {'nothing' if value is None else kind}, {side} {spec.name!r} is a {spec.kind}", file)
    if kind != "tensor":
        return value
    array = _typed(value, spec)
    label = dtype_label(array.dtype)
    if spec.dtype and label != spec.dtype:
        raise misfit(f"holds {label}{list(array.shape)}, {side} {spec.name!r} is {spec.dtype}", file)
    shape = spec.shape
    if shape is not None and (
        len(shape) != array.ndim
        or any(isinstance(want, int) and want != have for want, have in zip(shape, array.shape, strict=True))
    ):
        raise misfit(f"holds {label}{list(array.shape)}, the model declares {side} {spec}", file)
    return array


def _typed(array: Array, spec: TensorSpec) -> Array:
    """Return *array* in the declared type where its file could not hold that, and nothing is lost."""
    if not spec.dtype.startswith(_WITHOUT_NPY) or array.dtype.kind not in "fiu":
        return array
    from pytest_onnxaccel.numerics.sampling.draw import array_dtype

    typed = array.astype(array_dtype(spec.dtype))
    same = (typed.astype(array.dtype) == array) | (array != array)
    return typed if bool(np.all(same)) else array


def _check_symbols(values: Mapping[str, Value], specs: Sequence[TensorSpec], file: Callable[[str], str]) -> None:
    """Check that one name of a dimension is one size in all inputs of a set."""
    seen: dict[str, tuple[int, str]] = {}
    for spec in specs:
        for dim, size in zip(spec.shape or (), getattr(values.get(spec.name), "shape", ()), strict=False):
            if not isinstance(dim, str) or is_expression(dim):
                continue
            first = seen.setdefault(dim, (size, spec.name))
            if first[0] != size:
                cause = f"{dim!r} is {first[0]} in input {first[1]!r} and {size} in {spec.name!r}"
                raise misfit(cause, file(spec.name))


def _equal(one: Value, other: Value) -> bool:
    """Return whether the values are the same bit for bit."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return one is None and other is None
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool((one == other).all()) if one.dtype.hasobject else one.tobytes() == other.tobytes()
