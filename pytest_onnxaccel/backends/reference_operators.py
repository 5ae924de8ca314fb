"""Operators that onnx's own evaluator lacks, or computes otherwise than the specification says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pytest_onnxaccel.backends.reference_axes import axis_operators
from pytest_onnxaccel.backends.reference_pools import pool_operators
from pytest_onnxaccel.backends.reference_recurrent import recurrent_operators
from pytest_onnxaccel.backends.reference_windows import window_operators

#: By operator: the operands of one number that may come as a list of one, which the evaluator does not take.
_ONE_NUMBER: Mapping[str, tuple[int, ...]] = {"CumSum": (1,), "OneHot": (1,), "SequenceAt": (1,)}


def warm_up() -> None:
    """Let onnx's evaluator build its tables of operators, which takes longer than to load a small model."""
    from onnx.reference.ops._op_list import load_op

    load_op("", "Relu", 14)
    further_operators()


@cache
def further_operators() -> list[Any]:
    """Return the operators to hand to ``ReferenceEvaluator``."""
    from onnx.reference.op_run import OpRun

    class ZipMap(OpRun):
        """A row of scores as a map from class to score, which most classifiers of tables end with."""

        op_domain = "ai.onnx.ml"

        def _run(self, scores: Any, classlabels_int64s: Any = None, classlabels_strings: Any = None) -> Any:
            labels = [*(classlabels_strings or classlabels_int64s or ())]
            rows = scores.reshape(-1, len(labels))
            return ([dict(zip(labels, row.tolist(), strict=True)) for row in rows],)

    class LpNormalization(OpRun):
        """By the norm of magnitudes: the evaluator adds numbers of both signs up for the first norm."""

        def _run(self, x: Any, axis: int = -1, p: int = 2) -> Any:
            import numpy as np

            norm = np.power(np.power(np.abs(x), p).sum(axis=axis, keepdims=True), 1.0 / p)
            return (np.divide(x, norm, out=np.zeros_like(x), where=norm != 0).astype(x.dtype),)

    class LogSoftmax(OpRun):
        """Without the quotient that is 0 next to a large number, whose logarithm is infinite."""

        def _run(self, x: Any, axis: int = -1) -> Any:
            import numpy as np

            less = x - x.max(axis=axis, keepdims=True)
            return ((less - np.log(np.exp(less).sum(axis=axis, keepdims=True))).astype(x.dtype),)

    class GlobalMaxPool(OpRun):
        """Over all axes behind the channels; onnx 1.16 to 1.23 takes the last two of an image, and no others."""

        def _run(self, x: Any) -> Any:
            return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)

    class GatherElements(OpRun):
        """Along axes of any size: the evaluator chooses among at most 64 arrays (32 with NumPy 1)."""

        def _run(self, data: Any, indices: Any, axis: int = 0) -> Any:
            import numpy as np

            size = data.shape[axis]
            places = np.where(indices < 0, indices + size, indices)
            if indices.size and not (int(places.min()) >= 0 and int(places.max()) < size):
                raise IndexError(f"GatherElements: an index is outside of {size} along axis {axis}")
            # Other axes may be shorter in the indices
            here = tuple(slice(0, n) if i != axis % data.ndim else slice(None) for i, n in enumerate(indices.shape))
            return (np.take_along_axis(data[here], places, axis),)

    from onnx.reference.ops import op_non_max_suppression

    own: Any = op_non_max_suppression.NonMaxSuppression

    class NonMaxSuppression(own):  # type: ignore[misc]
        """With limits that are scalars, as the specification has them: the evaluator takes their first element."""

        def _run(self, boxes: Any, scores: Any, *limits: Any, **attributes: Any) -> Any:
            import numpy as np

            lists = [None if limit is None else np.atleast_1d(limit) for limit in limits]
            return super()._run(boxes, scores, *lists, **attributes)

    own_forms = [ZipMap, LpNormalization, LogSoftmax, GlobalMaxPool, GatherElements, NonMaxSuppression]
    others = (window_operators(), axis_operators(), pool_operators(), recurrent_operators())
    return [*own_forms, *_of_one_number(), *(one for group in others for one in group)]


def _of_one_number() -> list[Any]:
    """Return the operators of :data:`_ONE_NUMBER`, with those operands as scalars."""
    from onnx.reference.ops._op_list import load_op

    return [_with_scalars(load_op("", name, None), name, places) for name, places in _ONE_NUMBER.items()]


def _with_scalars(own: Any, name: str, places: tuple[int, ...]) -> Any:
    def _run(self: Any, *operands: Any, **attributes: Any) -> Any:
        given = [
            operand.reshape(()) if place in places and operand.size == 1 else operand
            for place, operand in enumerate(operands)
        ]
        return own._run(self, *given, **attributes)

    return type(name, (own,), {"_run": _run})
