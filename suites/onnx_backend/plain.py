"""What a plain script finds: a runtime on the stored inputs beside the stored outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from suites.onnx_backend.cases import Case


def ort_agrees(case: Case) -> bool | None:
    """ONNX Runtime gives the stored outputs; None where it does not run the model."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(case.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return all(agree(session.run(None, _feeds(case, inputs)), outputs, case) for inputs, outputs in case.sets)
    except Exception:  # what it has no kernel or no type for
        return None


def evaluator_agrees(case: Case, operators: Sequence[Any] = ()) -> bool | None:
    """onnx's evaluator, with *operators* instead of its own, gives the stored outputs; None where it does not run."""
    from onnx.reference import ReferenceEvaluator

    try:
        evaluator = ReferenceEvaluator(case.model, new_ops=list(operators) or None)
        with np.errstate(all="ignore"):
            return all(agree(evaluator.run(None, _feeds(case, inputs)), outputs, case) for inputs, outputs in case.sets)
    except Exception:
        return None


def _feeds(case: Case, inputs: list[Any]) -> dict[str, Any]:
    return dict(zip([value.name for value in case.fed], inputs, strict=False))


def agree(found: Any, stored: Any, case: Case) -> bool:
    """Two values, arrays or lists of them, are the same within what the suite allows."""
    if isinstance(stored, (list, tuple)):
        return len(found) == len(stored) and all(agree(a, b, case) for a, b in zip(found, stored, strict=True))
    if stored is None or found is None:
        return found is None and stored is None
    a, b = np.asarray(found), np.asarray(stored)
    if b.dtype.kind == "V" and a.dtype.kind == "u" and a.itemsize == b.itemsize:
        a = a.view(b.dtype)  # ONNX Runtime gives the bytes of types that NumPy lacks
    if a.shape != b.shape:
        return False
    texts = a.dtype.kind in "OUS" and b.dtype.kind in "OUS"
    # What ONNX Runtime hands to Python as bytes is not another type of the model
    if not texts and a.dtype != b.dtype and not (a.dtype.itemsize == b.dtype.itemsize and b.dtype.kind == "V"):
        return False
    if texts:
        return bool((a.astype(str) == b.astype(str)).all())
    if b.dtype.kind not in "fcV" and a.dtype.kind not in "fcV":
        return bool((a == b).all())
    wide = np.complex128 if b.dtype.kind == "c" else np.float64
    try:
        return bool(np.allclose(a.astype(wide), b.astype(wide), case.rtol, case.atol, equal_nan=True))
    except (TypeError, ValueError):
        return False
