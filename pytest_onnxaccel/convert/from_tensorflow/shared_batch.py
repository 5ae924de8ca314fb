"""Which open first axes of a source are one batch: found by runs, because TensorFlow's graphs do not say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.specs import TensorSpec

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.tensorflow.open import OpenSource

#: Sizes of the batch that are tried, and of every other open axis.
_FEW, _MORE, _OTHER = 2, 3, 8


def shared_batch(opened: OpenSource, shapes: Mapping[str, Sequence[int]]) -> frozenset[str]:
    """Return the inputs and outputs of *opened* whose open axis 0 is the batch that they share.

    Inputs share it that cannot differ in it: the source runs when all have two samples, and does not when one of them
    has three. A single input has a batch of its own. Outputs carry it that become as long as the inputs.

    Args:
        opened: the source.
        shapes: by input, those that the result shall declare otherwise than the source; -1 for what stays open.
    """
    sizes = {spec.name: _open(spec, shapes.get(spec.name)) for spec in opened.inputs}
    candidates = [name for name, shape in sizes.items() if shape and shape[0] is None]
    if not candidates or any(shape is None for shape in sizes.values()):
        return frozenset()
    call, order = opened.callable(), list(opened.inputs)

    def run(batch: Mapping[str, int]) -> list[tuple[int, ...]] | None:
        """Shapes of the outputs where each of the inputs *batch* has that many samples; None where it does not run."""
        try:
            found = call(*(_filled(spec, sizes[spec.name] or (), batch.get(spec.name, _FEW)) for spec in order))
        except Exception:  # whatever TensorFlow raises: it does not run on that
            return None
        return [tuple(getattr(one, "shape", ())) for one in found]

    few = run({})
    if few is None:
        return frozenset()
    shared = candidates
    if len(candidates) > 1:
        shared = [name for name in candidates if run({name: _MORE}) is None]
    more = run(dict.fromkeys(shared, _MORE)) if shared else None
    if more is None:
        return frozenset()
    carries = [
        spec.name
        for spec, first, second in zip(opened.outputs, few, more, strict=False)
        if first[:1] == (_FEW,) and second[:1] == (_MORE,)
    ]
    # Of one input, only what comes out says that its first axis is a batch
    return frozenset((*shared, *carries)) if carries or len(candidates) > 1 else frozenset()


def _open(spec: TensorSpec, asked: Sequence[int] | None) -> tuple[int | None, ...] | None:
    """Return the sizes of *spec*, None for an open one; None where its rank is open."""
    if asked is not None:
        return tuple(None if size < 0 else size for size in asked)
    return None if spec.shape is None else tuple(size if isinstance(size, int) else None for size in spec.shape)


def _filled(spec: TensorSpec, sizes: Sequence[int | None], batch: int) -> Any:
    """Return zeros for *spec*, which are legal indices; texts are empty."""
    import numpy as np

    shape = [size if size is not None else batch if axis == 0 else _OTHER for axis, size in enumerate(sizes)]
    return np.full(shape, b"", object) if spec.dtype == "string" else np.zeros(shape, spec.dtype or "float32")
