"""MaxPool and ConvTranspose of onnx's evaluator, right where its own are not.

As they are, in onnx 1.23: MaxPool reads the four pads of an image as top, bottom, left, right instead of top, left,
bottom, right, and no pads of signals and volumes; ConvTranspose takes the weights of a group from the wrong axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_IMAGE = 2


def pads_misread(pads: Sequence[int] | None, auto_pad: str | None) -> bool:
    """Return whether the evaluator reads *pads* wrongly: those of an image that differ, and any of another rank."""
    if not pads or auto_pad not in (None, "", "NOTSET") or not any(pads):
        return False
    return len(pads) != 2 * _IMAGE or len(set(pads)) > 1


def operators() -> list[Any]:
    """Return the operators to hand to ``ReferenceEvaluator``."""
    from onnx.reference.ops import op_conv_transpose, op_max_pool

    largest: Any = op_max_pool.MaxPool
    transposed: Any = op_conv_transpose.ConvTranspose

    class MaxPool(largest):  # type: ignore[misc]
        """By its general form where the quick one reads the pads wrongly."""

        def _run(self, x: Any, **attributes: Any) -> Any:
            names = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides")
            given = {name: attributes.get(name) for name in names}
            if pads_misread(given["pads"], given["auto_pad"]):
                return self._max_pool(x, **given)
            return super()._run(x, **attributes)

    class ConvTranspose(transposed):  # type: ignore[misc]
        """Each group with its own weights and its own part of the bias."""

        def _run(self, x: Any, w: Any, bias: Any = None, group: int = 1, **attributes: Any) -> Any:
            import numpy as np

            if (group or 1) == 1:
                return super()._run(x, w, bias, group=1, **attributes)
            biases = [None] * group if bias is None else np.split(bias, group)
            parts = zip(np.split(x, group, axis=1), np.split(w, group), biases, strict=True)
            found = [super(ConvTranspose, self)._run(a, b, c, group=1, **attributes)[0] for a, b, c in parts]
            return (np.concatenate(found, axis=1),)

    return [MaxPool, ConvTranspose]
