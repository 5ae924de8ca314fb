"""MaxPool of onnx's evaluator, right where its own is not.

As it is, in onnx 1.23, it reads the four pads of an image as top, bottom, left, right instead of top, left, bottom,
right, and no pads of signals and volumes.
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


def pool_operators() -> list[Any]:
    """Return the operators to hand to ``ReferenceEvaluator``."""
    from onnx.reference.ops import op_max_pool

    largest: Any = op_max_pool.MaxPool

    class MaxPool(largest):  # type: ignore[misc]
        """By its general form where the quick one reads the pads wrongly."""

        def _run(self, x: Any, **attributes: Any) -> Any:
            names = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides")
            given = {name: attributes.get(name) for name in names}
            if pads_misread(given["pads"], given["auto_pad"]):
                return self._max_pool(x, **given)
            return super()._run(x, **attributes)

    return [MaxPool]
