"""Operators on windows and sizes that onnx's own evaluator computes otherwise than the specification says."""

from __future__ import annotations

from functools import cache
from typing import Any

#: What the evaluator calls the function that runs a loop's body.
_BODY = "_run_body"
#: A size is a whole number within what a scale in float32 leaves of it.
_WHOLE = 1e-3


@cache
def window_operators() -> list[Any]:
    """Return the right forms to hand to ``ReferenceEvaluator``."""
    from onnx.reference.op_run import OpRun
    from onnx.reference.ops import op_conv_transpose, op_loop, op_resize

    class LRN(OpRun):
        """Over as many channels as there are: the evaluator goes over as many as the batch has samples."""

        def _run(self, x: Any, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0, size: int = 1) -> Any:
            import numpy as np

            before, behind = (size - 1) // 2, size // 2 + 1
            squares = np.square(x)
            sums = np.stack(
                [squares[:, max(0, c - before) : c + behind].sum(axis=1) for c in range(x.shape[1])], axis=1
            )
            return ((x / (bias + alpha / size * sums) ** beta).astype(x.dtype),)

    convolution: Any = op_conv_transpose.ConvTranspose

    class ConvTranspose(convolution):  # type: ignore[misc]
        """Group by group: the evaluator takes the weights apart along the wrong axis."""

        def _run(self, x: Any, w: Any, b: Any = None, group: int = 1, **attributes: Any) -> Any:
            import numpy as np

            if group == 1:
                return super()._run(x, w, b, group=1, **attributes)
            biases = [None] * group if b is None else np.split(b, group)
            parts = zip(np.split(x, group, axis=1), np.split(w, group), biases, strict=True)
            return (
                np.concatenate([super(ConvTranspose, self)._run(*part, group=1, **attributes)[0] for part in parts], 1),
            )

    resize: Any = op_resize.Resize

    class Resize(resize):  # type: ignore[misc]
        """Not with corners aligned to a size of a fraction, which the specification's text and its tests see otherwise.

        By the text the corners are those of the result, whose size is a whole number, and ONNX Runtime does that; the
        evaluator and the outputs that are stored with onnx's tests take the fraction.
        """

        def _run(self, x: Any, roi: Any = None, scales: Any = None, sizes: Any = None, **attributes: Any) -> Any:
            import numpy as np

            if attributes.get("coordinate_transformation_mode") == "align_corners" and sizes is None:
                axes = attributes.get("axes") or range(x.ndim)
                sizes_found = np.array([x.shape[axis] for axis in axes]) * np.asarray(scales)
                if np.any(np.abs(sizes_found - np.round(sizes_found)) > _WHOLE):
                    found = ", ".join(f"{size:g}" for size in sizes_found)
                    raise NotImplementedError(
                        f"Resize with align_corners to {found}: of sizes with a fraction the specification's text says "
                        "one thing, and its tests another"
                    )
            return super()._run(x, roi, scales, sizes, **attributes)

    loop: Any = op_loop.Loop

    class Loop(loop):  # type: ignore[misc]
        """Collects with an axis of its own: the evaluator joins what bodies give along the axis that they have."""

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self._body_alone: Any = getattr(self, _BODY)
            setattr(self, _BODY, self._with_axis)

        def _with_axis(self, *arguments: Any, **more: Any) -> list[Any]:
            import numpy as np

            outputs = list(self._body_alone(*arguments, **more))
            first = len(outputs) - self.K
            self._numbers = [np.ndim(output) == 0 for output in outputs[first:]]
            return [*outputs[:first], *(np.asarray(output)[None] for output in outputs[first:])]

        def _run(self, most: Any, going: Any, *states: Any, **more: Any) -> Any:
            import numpy as np

            # Left out, it stands for a loop that nothing but the count ends: the evaluator does not begin it
            found = super()._run(most, np.array(True) if going is None else going, *states, **more)
            kept, collected = found[: self.N], found[self.N :]
            if not collected:
                return found
            pairs = zip(collected, self._numbers, strict=False)
            flat = [array.reshape(-1) if single else array for array, single in pairs]
            return (*kept, *flat, *collected[len(flat) :])

    return [LRN, ConvTranspose, Resize, Loop]
