"""Operators along an axis that onnx's evaluator computes in one form alone: Pad, STFT, Scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def axis_operators() -> list[Any]:
    """Return the operators, with every form that the specification or ONNX Runtime has."""
    from onnx.reference.ops._op_list import load_op

    own_pad, own_stft, own_scan = (load_op("", name, None) for name in ("Pad", "STFT", "Scan"))

    class Pad(own_pad):  # type: ignore[misc, valid-type]
        """With pads below 0, which take elements off: the specification has them, NumPy does not."""

        def _run(self, data: Any, *operands: Any, **attributes: Any) -> Any:
            import numpy as np
            from onnx.reference.ops import op_pad

            pad_impl: Any = op_pad._pad_impl
            listed = attributes.get("pads") or attributes.get("paddings")
            pads = [int(pad) for pad in (listed if listed else operands[0].reshape(-1).tolist())]
            filling = operands[1] if len(operands) > 1 else attributes.get("value")
            given = operands[2] if len(operands) > 2 else None
            axes = list(range(data.ndim)) if given is None else [int(axis) for axis in np.atleast_1d(given)]
            kept = [slice(None)] * data.ndim
            for i, axis in enumerate(axes):
                first, last = max(0, -pads[i]), max(0, -pads[i + len(axes)])
                kept[axis] = slice(first, max(first, data.shape[axis] - last))
            mode = attributes.get("mode") or "constant"
            number = 0 if filling is None else np.asarray(filling).reshape(-1)[0]
            return (pad_impl(data[tuple(kept)], [max(0, pad) for pad in pads], mode, number, axes),)

    class STFT(own_stft):  # type: ignore[misc, valid-type]
        """Of signals without an axis for real and imaginary parts as well, as ONNX Runtime takes them."""

        def _run(self, signal: Any, *operands: Any, **attributes: Any) -> Any:
            return super()._run(signal[..., None] if signal.ndim == 2 else signal, *operands, **attributes)

    class Scan(own_scan):  # type: ignore[misc, valid-type]
        """Along any axis and in both directions: what goes in and comes out is turned, the evaluator does the rest."""

        def __init__(self, onnx_node: Any, run_params: Any) -> None:
            stripped = type(onnx_node)()
            stripped.CopyFrom(onnx_node)
            del stripped.attribute[:]
            stripped.attribute.extend(item for item in onnx_node.attribute if item.name not in _TURNS)
            super().__init__(stripped, run_params)
            found = {item.name: list(item.ints) for item in onnx_node.attribute if item.name in _TURNS}
            self._turns = [found.get(name, []) for name in _TURNS]

        def _run(self, *operands: Any, **attributes: Any) -> Any:
            in_axes, in_directions, out_axes, out_directions = self._turns
            states = len(operands) - self.num_scan_inputs
            turned = [
                _flipped(_from_axis(array, _at(in_axes, i)), _at(in_directions, i))
                for i, array in enumerate(operands[states:])
            ]
            kept = {name: value for name, value in attributes.items() if name not in _TURNS}
            results = super()._run(*operands[:states], *turned, **kept)
            back = [
                _to_axis(_flipped(array, _at(out_directions, i)), _at(out_axes, i))
                for i, array in enumerate(results[states:])
            ]
            return (*results[:states], *back)

    return [Pad, STFT, Scan]


_TURNS = ("scan_input_axes", "scan_input_directions", "scan_output_axes", "scan_output_directions")


def _at(listed: Sequence[int], place: int) -> int:
    return listed[place] if place < len(listed) else 0


def _from_axis(array: Any, axis: int) -> Any:
    import numpy as np

    return np.moveaxis(array, axis, 0)


def _to_axis(array: Any, axis: int) -> Any:
    import numpy as np

    return np.moveaxis(array, 0, axis)


def _flipped(array: Any, direction: int) -> Any:
    return array[::-1] if direction else array
