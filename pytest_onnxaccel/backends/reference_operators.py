"""Operators that onnx's own evaluator lacks, or computes for images alone."""

from __future__ import annotations

from typing import Any


def further_operators() -> list[Any]:
    """Operators to hand to ``ReferenceEvaluator``."""
    from onnx.reference.op_run import OpRun

    class ZipMap(OpRun):
        """A row of scores as a map from class to score."""

        op_domain = "ai.onnx.ml"

        def _run(self, scores: Any, classlabels_int64s: Any = None, classlabels_strings: Any = None) -> Any:
            labels = [*(classlabels_strings or classlabels_int64s or ())]
            rows = scores.reshape(-1, len(labels))
            return ([dict(zip(labels, row.tolist(), strict=True)) for row in rows],)

    class GlobalMaxPool(OpRun):
        """Over all axes behind the channels; onnx 1.16 to 1.23 takes the last two of an image, and no others."""

        def _run(self, x: Any) -> Any:
            return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)

    return [ZipMap, GlobalMaxPool]
