"""Windows over the spatial axes of a tensor: what convolutions and pools have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pytest_onnxaccel.core.frozen import record

Array = NDArray[Any]


@record(frozen=True)
class Window:
    """How a kernel is moved over the spatial axes.

    Attributes:
        kernel, strides, dilations: one number for each spatial axis.
        begin, end: what is padded before and behind each.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begin: tuple[int, ...]
    end: tuple[int, ...]

    @property
    def extent(self) -> tuple[int, ...]:
        """Elements from the first to the last one that the kernel reads, by axis."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))


def window(attributes: Mapping[str, Any], sizes: Sequence[int], kernel: Sequence[int] | None = None) -> Window:
    """Return the window that *attributes* of Conv or a pool say, over spatial axes of these *sizes*."""
    shape = tuple(attributes.get("kernel_shape") or kernel or ())
    strides = tuple(attributes.get("strides") or (1,) * len(shape))
    dilations = tuple(attributes.get("dilations") or (1,) * len(shape))
    pads = tuple(attributes.get("pads") or (0,) * (2 * len(shape)))
    begin, end = pads[: len(shape)], pads[len(shape) :]
    automatic = attributes.get("auto_pad", "NOTSET")
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        missing = [
            max(0, (-(-size // s) - 1) * s + (k - 1) * d + 1 - size)
            for size, s, k, d in zip(sizes, strides, shape, dilations, strict=True)
        ]
        less, more = tuple(m // 2 for m in missing), tuple(m - m // 2 for m in missing)
        begin, end = (less, more) if automatic == "SAME_UPPER" else (more, less)
    elif automatic == "VALID":
        begin = end = (0,) * len(shape)
    return Window(shape, strides, dilations, begin, end)


def view(x: Array, over: Window, fill: float = 0.0, more: Sequence[int] = ()) -> Array:
    """Return *x* ``[N, C, *sizes]`` as ``[N, C, *positions, *kernel]``.

    Args:
        x: batch and channels first.
        over: the window.
        fill: what the padding holds.
        more: elements appended behind the padding of each axis.
    """
    behind = [e + m for e, m in zip(over.end, more or (0,) * len(over.end), strict=True)]
    padded = np.pad(x, [(0, 0), (0, 0), *zip(over.begin, behind, strict=True)], constant_values=fill)
    axes = tuple(range(2, x.ndim))
    seen = sliding_window_view(padded, over.extent, axis=axes)
    steps = [slice(None, None, s) for s in over.strides] + [slice(None, None, d) for d in over.dilations]
    found: Array = seen[(slice(None), slice(None), *steps)]
    return found
