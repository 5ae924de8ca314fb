"""Can two models be fed the same: their inputs side by side."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_onnxaccel.core.specs import TensorSpec


def input_problems(
    candidate: Sequence[TensorSpec], reference: Sequence[TensorSpec], sides: tuple[str, str]
) -> list[str]:
    """Return why two models cannot be fed the same: inputs by name, dtype and shape."""
    ours, theirs = ({spec.name: spec for spec in side} for side in (candidate, reference))
    found = [f"{sides[0]} lacks input {spec} of {sides[1]}" for name, spec in theirs.items() if name not in ours]
    extra = [spec for name, spec in ours.items() if name not in theirs]
    found += [f"{sides[0]} has an input {spec} that {sides[1]} lacks" for spec in extra]
    for name, b in theirs.items():
        if name not in ours:
            continue
        a = ours[name]
        if a.dtype != b.dtype or not _compatible(a, b):
            found.append(f"input {a} of {sides[0]} is {b} in {sides[1]}")
    return found


def _compatible(a: TensorSpec, b: TensorSpec) -> bool:
    if a.shape is None or b.shape is None:
        return True
    sizes = zip(a.shape, b.shape, strict=False)
    return len(a.shape) == len(b.shape) and all(
        x == y or not isinstance(x, int) or not isinstance(y, int) for x, y in sizes
    )
