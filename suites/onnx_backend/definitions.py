"""What arithmetic by definition gives for onnx's own test models, beside what is stored with them.

``python -m suites.onnx_backend.definitions`` prints how many it computes, how many agree, and those that do not.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.backends.reference import ReferenceBackend
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.graph.arithmetic.model import arithmetic
from suites.onnx_backend.cases import Case, all_cases


def computed(case: Case, folder: Path) -> list[dict[str, Any]] | str:
    """The outputs of each data set of *case*, in float64; or why they cannot be computed."""
    path = case.save(folder)
    try:
        told = arithmetic(path, str(folder / "wide.onnx"))
        if told["unknown"]:
            return f"unknown: {', '.join(told['unknown'])}"
        session = ReferenceBackend().load(str(folder / "wide.onnx"), LoadOptions())
        names = [spec.name for spec in session.info.inputs]
        return [session.run(dict(zip(names, map(_wide, inputs), strict=False))) for inputs, _ in case.sets]
    except OnnxAccelError as error:
        return f"{error.code}: {error.cause}"


def disagreements(case: Case, found: Sequence[dict[str, Any]]) -> list[str]:
    """Outputs of *found* that are not the stored ones: floats to 2e-5 of their scale, bytes to one step."""
    wrong = []
    for outputs, (_, stored) in zip(found, case.sets, strict=True):
        for (name, ours), right in zip(outputs.items(), stored, strict=False):
            if not isinstance(right, (np.ndarray, np.generic)) or right.dtype.kind in "OSU":
                continue
            if ours.shape != right.shape:
                wrong.append(f"{name}: shape {ours.shape} instead of {right.shape}")
                continue
            a, b = ours.astype(np.float64), right.astype(np.float64)
            with np.errstate(all="ignore"):
                apart = np.array(np.abs(a - b))
            apart[(a == b) | (np.isnan(a) & np.isnan(b))] = 0
            scale = float(np.abs(b[np.isfinite(b)]).max(initial=1e-9))
            digits = {"float16": 2e-3, "bfloat16": 2e-2}.get(right.dtype.name, 2e-5)
            least = 1.0 if right.dtype.kind in "iu" and right.dtype.itemsize == 1 else 0.0
            if not (apart <= max(least, digits * scale if right.dtype.kind in "fV" else 0.0)).all():
                wrong.append(f"{name}: {apart.max():.3g} of {scale:.3g}")
    return wrong


def _wide(array: Any) -> Any:
    if not isinstance(array, (np.ndarray, np.generic)):
        return array
    floating = array.dtype.kind == "f" or array.dtype.name == "bfloat16"
    return np.asarray(array, np.float64) if floating else np.asarray(array)


def main() -> int:
    """Print the table."""
    counts = {"computed": 0, "agree": 0, "not computed": 0}
    for case in all_cases():
        with tempfile.TemporaryDirectory() as folder:
            found = computed(case, Path(folder))
            if isinstance(found, str):
                counts["not computed"] += 1
                if not found.startswith("unknown"):
                    print(f"{case.name}: {found}")
                continue
            counts["computed"] += 1
            wrong = disagreements(case, found)
            counts["agree"] += not wrong
            for line in wrong:
                print(f"{case.name}: {line}")
    print(counts)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
