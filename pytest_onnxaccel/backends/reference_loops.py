"""Loop of onnx's evaluator, right where its own is not: what a body gives in each round is stacked.

As it is, in onnx 1.23, it joins rows (``np.vstack``): right for vectors, and of another shape for scalars and
for tensors of two axes or more.
"""

from __future__ import annotations

from typing import Any


def operators() -> list[Any]:
    """Return the operators to hand to ``ReferenceEvaluator``."""
    from onnx.reference.ops import op_loop

    joined: Any = op_loop.Loop

    class Loop(joined):  # type: ignore[misc]
        """With the values of all rounds along a new first axis."""

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self._rounds: list[Any] = []
            run_body: Any = self._run_body  # which the evaluator sets for each node

            def remembered(*inputs: Any, **more: Any) -> Any:
                outputs = run_body(*inputs, **more)
                self._rounds.append(outputs[len(outputs) - self.K :])
                return outputs

            self._run_body: Any = remembered

        def _run(self, *inputs: Any, **more: Any) -> Any:
            import numpy as np

            self._rounds.clear()
            found = list(super()._run(*inputs, **more))
            for place, values in enumerate(zip(*self._rounds, strict=True), self.N):
                found[place] = np.stack(values)
            return tuple(found)

    return [Loop]
