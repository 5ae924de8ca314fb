"""What the whole numbers of a quantised graph mean: steps and zero points of constants and of values."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import NodeProto

#: Least and greatest number of the integer types.
LIMITS = {
    int(onnx.TensorProto.UINT8): (0, 255), int(onnx.TensorProto.INT8): (-128, 127),
    int(onnx.TensorProto.UINT16): (0, 65535), int(onnx.TensorProto.INT16): (-32768, 32767),
}  # fmt: skip


class Steps(NamedTuple):
    """``(number - zero) * scale``; arrays, along *axis* where they hold more than one number."""

    scale: Any
    zero: Any
    axis: int = 1
    block: int = 0

    def spread(self, which: Any, shape: tuple[int, ...]) -> Any:
        """Return *which* of the two, broadcast to *shape*."""
        array = np.asarray(which)
        if array.size == 1:
            return np.broadcast_to(array.reshape(()), shape)
        if array.ndim > 1:
            return np.repeat(array, self.block or 1, axis=self.axis)[tuple(slice(size) for size in shape)]
        sizes = [1] * len(shape)
        sizes[self.axis] = array.size
        return np.broadcast_to(array.reshape(sizes), shape)

    def same(self, other: Steps) -> bool:
        """Return whether the same numbers mean the same."""
        if np.size(self.scale) != np.size(other.scale) or np.size(self.zero) != np.size(other.zero):
            return bool(np.size(self.scale) > 1) != bool(np.size(other.scale) > 1)  # not to be told
        near = np.allclose(np.ravel(self.scale), np.ravel(other.scale), rtol=1e-3, atol=0)
        return bool(near and np.array_equal(np.ravel(self.zero), np.ravel(other.zero)))

    def __str__(self) -> str:
        zero = int(np.ravel(self.zero)[0]) if np.size(self.zero) else 0
        return f"steps of {float(np.ravel(self.scale)[0]):.4g} (zero point {zero})"


class Written(NamedTuple):
    """A value that is held in whole numbers.

    Attributes:
        low, high: least and greatest number, from the zero point on.
        step: between two of them.
        node: that writes them.
    """

    low: int
    high: int
    step: float
    node: NodeProto


class Held(NamedTuple):
    """A constant of few whole numbers."""

    name: str
    numbers: Any
    steps: Steps
    reader: NodeProto

    @property
    def value(self) -> Any:
        """What it means, in float64."""
        zero = self.steps.spread(self.steps.zero, self.numbers.shape).astype(np.float64)
        return (self.numbers.astype(np.float64) - zero) * self.step

    @property
    def step(self) -> Any:
        """The step of each of its numbers."""
        return np.abs(self.steps.spread(self.steps.scale, self.numbers.shape).astype(np.float64))
