"""Operators that onnx's own evaluator lacks, or computes otherwise than the specification says."""

from __future__ import annotations

from typing import Any


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

    return [ZipMap, LpNormalization, LogSoftmax, GlobalMaxPool]
