"""Recurrent operators with sequences of their own lengths, which onnx's own evaluator takes for full ones."""

from __future__ import annotations

from functools import cache
from typing import Any

#: Place among the inputs, behind X, W and R, of B, sequence_lens and the states that have the batch on an axis.
_LENGTHS, _STATES = 1, (2, 3)


@cache
def recurrent_operators() -> list[Any]:
    """Return the right forms to hand to ``ReferenceEvaluator``."""
    from onnx.reference.ops import op_gru, op_lstm, op_rnn

    kinds: dict[str, Any] = {"GRU": op_gru.CommonGRU, "LSTM": op_lstm.CommonLSTM, "RNN": op_rnn.CommonRNN}
    return [_with_lengths(name, kind) for name, kind in kinds.items()]


def _with_lengths(name: str, kind: Any) -> Any:
    """Return the operator *kind* that runs each sample of a batch by itself where sequences have lengths."""

    def _run(self: Any, x: Any, w: Any, r: Any, *rest: Any, **attributes: Any) -> Any:
        import numpy as np

        lengths = rest[_LENGTHS] if len(rest) > _LENGTHS else None
        batch = 0 if attributes.get("layout") else 1
        steps = x.shape[1 - batch]
        others = [None if place == _LENGTHS else value for place, value in enumerate(rest)]
        if lengths is None or (np.asarray(lengths) == steps).all():
            return kind._run(self, x, w, r, *others, **attributes)
        parts = []
        for sample, length in enumerate(np.asarray(lengths).tolist()):
            own = [
                np.take(value, [sample], axis=batch) if place in _STATES and value is not None else value
                for place, value in enumerate(others)
            ]
            cut = np.take(np.take(x, [sample], axis=batch), range(length), axis=1 - batch)
            whole, *states = kind._run(self, cut, w, r, *own, **attributes)
            # What lies behind the end of a sequence is 0
            missing = [(0, 0)] * whole.ndim
            missing[1 - batch] = (0, steps - length)
            parts.append((np.pad(whole, missing), *states))
        # Y has the batch on axis 2 (0 with layout 1), the last states on axis 1 (0)
        return tuple(
            np.concatenate(part, axis=(2 if place == 0 else 1) if batch else 0)
            for place, part in enumerate(zip(*parts, strict=True))
        )

    return type(name, (kind,), {"_run": _run, "__doc__": kind.__doc__})
