"""The inputs of one model, settled: sizes of its free dimensions, values that are drawn, files that are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

import numpy as np

from pytest_onnxaccel.errors import ModelError
from pytest_onnxaccel.frozen_class import record
from pytest_onnxaccel.numerics.sampling import DEFAULT_RANGE, array_dtype, concrete, sample
from pytest_onnxaccel.spec import InputSpec, ModelInfo, TensorSpec, dtype_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Drawn samples are kept up to this size, bytes: several checks feed the same ones.
_KEPT = 32 << 20


@record(frozen=True)
class Inputs:
    """Makes feeds for one model.

    Attributes:
        specs: the declared inputs.
        batch: size of axis 0 that the model runs at by itself: its fixed batch; when that axis is free, what the
            user's shapes and samples have there, or 1; None when the inputs share no batch axis.
        symbol: name of the batch dimension when it is a symbol.
        sizes: chosen size by symbol, and under ``?`` the size of every unnamed free dimension.
        floats: range of float inputs without a declared one.
        integers: range of integer inputs without a declared one; None for the sampler's default.
        files: samples by input name, as read from the user's files.
    """

    specs: tuple[TensorSpec, ...]
    batch: int | None
    symbol: str | None = None
    seed: int = 0
    sizes: Mapping[str, int] = field(default_factory=dict)
    floats: tuple[float, float] = DEFAULT_RANGE
    integers: tuple[int, int] | None = None
    given: tuple[InputSpec, ...] = ()
    files: Mapping[str, Sequence[Array]] = field(default_factory=dict)
    _drawn: dict[int, dict[str, Array]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, info: ModelInfo, given: Sequence[InputSpec], seed: int, files: Mapping[str, Sequence[Array]]) -> Inputs:
        """Inputs of a model before its free dimensions are settled."""
        batch = info.batch
        free = bool(info.inputs) and all(spec.shape and not isinstance(spec.shape[0], int) for spec in info.inputs)
        size = (batch or None) if isinstance(batch, int) else None
        if free and (batch is not None or len(info.inputs) == 1):
            leading = _leading_sizes(info.inputs, given, files)
            size = leading.pop() if len(leading) == 1 else 1
        symbol = batch if isinstance(batch, str) else None
        return cls(info.inputs, size, symbol, seed, given=tuple(given), files=files)

    @property
    def dynamic(self) -> bool:
        """The batch axis is declared free."""
        return self.batch is not None and any(not isinstance((s.shape or (0,))[0], int) for s in self.specs)

    def shapes(self, batch: int | None = None) -> dict[str, tuple[int, ...]]:
        """Concrete shape by input name at *batch*, or at the model's own."""
        size = batch if batch is not None else self.batch
        symbols = dict(self.sizes)
        if self.symbol is not None and size is not None:
            symbols[self.symbol] = size
        free = symbols.get("?", 1)
        return {spec.name: concrete(spec, symbols, free, size, self.given) for spec in self.specs}

    def feeds(self, index: int = 0, batch: int | None = None) -> dict[str, Array]:
        """Sample *index*: one array per input, at *batch* or at the model's own batch.

        At another batch than its own, a feed is the concatenation of the samples *index*, *index* + 1 ...
        The arrays may be read-only: samples are drawn once and kept.
        """
        if batch is None or batch == self.batch or self.batch is None:
            return self._one(index)
        blocks = -(-batch // self.batch)
        parts = [self._one(index + i) for i in range(blocks)]
        return {name: np.concatenate([p[name] for p in parts])[:batch] for name in parts[0]}

    def _one(self, index: int) -> dict[str, Array]:
        if index in self._drawn:
            return dict(self._drawn[index])
        feeds = self._make(index)
        for array in feeds.values():
            array.flags.writeable = False  # every check is fed the same
        self._drawn[index] = feeds
        while sum(map(_size, self._drawn.values())) > _KEPT:
            self._drawn.pop(next(iter(self._drawn)))
        return dict(feeds)

    def _make(self, index: int) -> dict[str, Array]:
        drawn = [spec for spec in self.specs if spec.name not in self.files]
        given = list(self.given)
        if self.integers is not None:
            declared = {s.name for s in self.given if s.low is not None}
            ints = [s.name for s in drawn if s.dtype.startswith(("int", "uint")) and s.name not in declared]
            low, high = self.integers
            given += [InputSpec(name, low, high) for name in ints]
        feeds = sample(drawn, self.shapes(), self.seed, index, given, self.floats)
        for spec in self.specs:
            if spec.name in self.files:
                arrays = self.files[spec.name]
                feeds[spec.name] = _as_declared(arrays[index % len(arrays)], spec)
        return {spec.name: feeds[spec.name] for spec in self.specs}

    def described(self) -> str:
        """The choices that were made, for the result: ``H=32, W=32``, or an empty string."""
        parts = [f"{name if name != '?' else 'free dimensions'}={size}" for name, size in self.sizes.items()]
        if self.floats != DEFAULT_RANGE:
            parts.append(f"float inputs from [{self.floats[0]:g}, {self.floats[1]:g})")
        if self.integers is not None:
            parts.append(f"integer inputs from [{self.integers[0]}, {self.integers[1]})")
        return ", ".join(parts)


def _size(feeds: Mapping[str, Array]) -> int:
    return sum(array.nbytes for array in feeds.values())


def _leading_sizes(
    specs: Sequence[TensorSpec], given: Sequence[InputSpec], files: Mapping[str, Sequence[Array]]
) -> set[int]:
    """Sizes of axis 0 in the shapes that the user declared and in the samples that the user gave."""
    found = {item.shape[0] for item in given if item.shape}
    for spec in specs:
        rank = len(spec.shape or ())
        found |= {array.shape[0] if array.ndim == rank else 1 for array in files.get(spec.name, ()) if array.ndim}
    return found


def _as_declared(array: Array, spec: TensorSpec) -> Array:
    """*array* of a sample file, in the declared dtype where nothing is lost by it, and with a batch axis.

    Raises:
        ModelError: ``E_INPUT``: the file holds another kind of number.
    """
    if spec.shape is not None and array.ndim == len(spec.shape) - 1:
        array = array[np.newaxis]
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
    """*array* can be cast to *dtype*; between floats the digits that the model drops anyway do not count."""
    try:
        target = array_dtype(dtype)
    except TypeError:
        return False
    floats = array.dtype.kind == "f" and dtype.startswith(("float", "bfloat"))
    return floats or np.can_cast(array.dtype, target, "safe")
