"""How long an input must be for what slides over it: windows of convolutions, pools and spectra, one behind another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import numpy_helper

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.files import all_graphs, fed_values
from pytest_onnxaccel.graph.inputs.backward import ELEMENTWISE, SAME_SHAPE
from pytest_onnxaccel.graph.inputs.flow.bodies import graphs_of

#: So many results of the last window tell its weights apart from one another.
_SEVERAL = 4
#: What asks for more is not met: it would cost more than it tells.
_MOST = 1 << 15
_SLIDES = frozenset({"Conv", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool", "LpPool", "STFT"})
#: The place of the weights.
_WEIGHTS: Mapping[str, int] = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
#: Operators behind which every axis is the one before it.
_KEEPS = SAME_SHAPE | ELEMENTWISE | {
    "BatchNormalization", "Concat", "InstanceNormalization", "LRN", "Mean", "PRelu", "Pad", "QuantizeLinear",
    "DequantizeLinear", "Slice", "Sum", "Where",
}  # fmt: skip
#: Subgraphs and functions are looked into to this depth.
_DEEPEST = 12


@record(frozen=True)
class _Steps:
    """How many elements of an input one element of a value stands for.

    Attributes:
        axes: for each axis of the value the input's axis, None for a new one, and the elements; None for all where the
            axes were split or joined.
        most: elements along any axis.
    """

    axes: tuple[tuple[int | None, int], ...] | None
    most: int = 1


#: By input.
_ByInput = dict[str, _Steps]


def windows(model: Any) -> dict[str, tuple[int, ...]]:
    """Return how many elements each input needs along each of its axes, by its name.

    Inputs over which nothing slides are left out.
    """
    if not any(node.op_type in _SLIDES for graph in all_graphs(model) for node in graph.node):
        return {}
    shapes = {
        value.name: tuple(dim.dim_value or None for dim in value.type.tensor_type.shape.dim)
        for value in fed_values(model.graph)
        if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape")
    }
    pass_ = _Pass(model, shapes)
    start = {name: {name: _Steps(tuple((i, 1) for i in range(len(shape))))} for name, shape in shapes.items()}
    pass_.graph(model.graph, start, 0)
    found = {name: tuple(size if size <= _MOST else 1 for size in sizes) for name, sizes in pass_.found.items()}
    return {name: sizes for name, sizes in found.items() if max(sizes, default=1) > 1}


class _Pass:
    """One pass over the nodes of a model.

    Args:
        model: with its functions.
        shapes: of the inputs, None for what is free.
    """

    def __init__(self, model: Any, shapes: Mapping[str, Sequence[int | None]]) -> None:
        self.found: dict[str, list[int]] = {name: [1] * len(shape) for name, shape in shapes.items()}
        self._shapes = shapes
        self._functions = {(f.domain, f.name, f.overload): f for f in model.functions}
        self._tensors: dict[str, Any] = {}

    def graph(self, graph: Any, env: dict[str, _ByInput], depth: int) -> dict[str, _ByInput]:
        self._tensors.update((tensor.name, tensor) for tensor in graph.initializer)
        self._nodes(graph.node, env, depth)
        return env

    def _nodes(self, nodes: Sequence[Any], env: dict[str, _ByInput], depth: int) -> None:
        for node in nodes:
            op = node.op_type
            if op == "Constant":
                self._tensors.update((node.output[0], item.t) for item in node.attribute if item.name == "value")
                continue
            if op == "Shape":
                continue
            operands = [env[name] for name in node.input if name in env]
            if op in _SLIDES:
                operands = [self._slid(node, env.get(node.input[0], {}))]
            elif op in _REARRANGES:
                operands = [{name: self._rearranged(node, one) for name, one in env.get(node.input[0], {}).items()}]
            elif op not in _KEEPS or node.domain not in ("", "ai.onnx"):
                inside = self._inside(node, env, depth) if depth < _DEEPEST else {}
                operands = [inside or {name: _mixed(steps) for one in operands for name, steps in one.items()}]
            steps = _together(operands)
            if steps:
                env.update((name, steps) for name in node.output if name)

    def _inside(self, node: Any, env: Mapping[str, _ByInput], depth: int) -> _ByInput:
        """Return the steps of what comes out of a function or of subgraphs; nothing for other nodes."""
        function = self._functions.get((node.domain, node.op_type, node.overload)) if self._functions else None
        if function is not None:
            handed = list(zip(function.input, node.input, strict=False))
            self._tensors.update((to, self._tensors[name]) for to, name in handed if name in self._tensors)
            inner = {to: env[name] for to, name in handed if name in env}
            self._nodes(function.node, inner, depth + 1)
            return _together([inner[name] for name in function.output if name in inner])
        results = []
        for body in (body for item in node.attribute for body in graphs_of(item)):
            # What a body is handed comes last among the operands, whole or an element at a time
            pairs = zip(reversed(body.input), reversed(node.input), strict=False)
            fed = {value.name: _all_mixed(env[name]) for value, name in pairs if name in env}
            inside = self.graph(body, {**env, **fed}, depth + 1)
            results += [_all_mixed(inside[value.name]) for value in body.output if value.name in inside]
        return _together(results)

    def _slid(self, node: Any, before: _ByInput) -> _ByInput:
        """Return the steps behind a window, and keep how long the inputs must be for it."""
        if node.op_type == "STFT":
            strides = [self._number(node, 1) or 1]
            extents = [self._number(node, 3) or max(self._dims(node, 2), default=1)]
            return {
                name: _mixed(self._behind(name, _signal(steps), strides, extents)) for name, steps in before.items()
            }
        sides = _numbers(node, "kernel_shape") or self._dims(node, _WEIGHTS.get(node.op_type, -1))[2:]
        wide = _numbers(node, "dilations") or [1] * len(sides)
        extents = [(side - 1) * one + 1 for side, one in zip(sides, wide, strict=False)]
        strides = _numbers(node, "strides") or [1] * len(sides)
        extents += [1] * (len(strides) - len(extents))  # of a kernel that the graph computes
        return {name: self._behind(name, steps, strides, extents) for name, steps in before.items()}

    def _behind(self, name: str, before: _Steps, strides: Sequence[int], extents: Sequence[int]) -> _Steps:
        """Return the steps behind a window over the last axes."""
        first = len(before.axes) - len(strides) if before.axes is not None else -1
        if before.axes is None or first < 0:
            stride, extent = max(strides, default=1), max(extents, default=1)
            self._needs(name, None, before.most, stride, extent)
            return _Steps(None, before.most * stride)
        axes = list(before.axes)
        for place, (stride, extent) in enumerate(zip(strides, extents, strict=False), first):
            axis, step = axes[place]
            axes[place] = axis, step * stride
            if axis is not None:
                self._needs(name, axis, step, stride, extent)
        return _Steps(tuple(axes), max(step for _, step in axes))

    def _needs(self, name: str, axis: int | None, step: int, stride: int, extent: int) -> None:
        """Keep what one window needs; *axis*: None where it may be any."""
        needed = max(step * extent if extent > 1 else 1, _SEVERAL * step * stride if stride > 1 else 1)
        if axis is None and any(size and size >= step * max(extent, stride) for size in self._shapes[name][1:]):
            return  # an axis whose size is given is the one, as far as one can tell
        places = range(len(self.found[name])) if axis is None else (axis,)
        for place in places:
            self.found[name][place] = max(self.found[name][place], needed)

    def _rearranged(self, node: Any, before: _Steps) -> _Steps:
        """Return the steps behind axes that are turned, added, taken away or made denser."""
        if before.axes is None and node.op_type != "ConvTranspose":
            return before
        axes = list(before.axes or ())
        if node.op_type == "ConvTranspose":
            wide = max(_numbers(node, "strides"), default=1)
            return _Steps(
                tuple((axis, max(1, step // wide)) for axis, step in axes) if before.axes is not None else None,
                max(1, before.most // wide),
            )
        if node.op_type == "Transpose":
            order = _numbers(node, "perm") or [*reversed(range(len(axes)))]
            turned = sorted(order) == [*range(len(axes))]
            return _Steps(tuple(axes[i] for i in order), before.most) if turned else _mixed(before)
        given = _numbers(node, "axes") or self._whole(node, 1)
        if not given:
            return _mixed(before)
        rank = len(axes) + (len(given) if node.op_type == "Unsqueeze" else 0)
        places = {axis % max(rank, 1) for axis in given}
        if node.op_type == "Squeeze":
            return _Steps(tuple(one for i, one in enumerate(axes) if i not in places), before.most)
        rest = iter(axes)
        return _Steps(tuple((None, 1) if i in places else next(rest) for i in range(rank)), before.most)

    def _dims(self, node: Any, place: int) -> Sequence[int]:
        tensor = self._tensors.get(node.input[place]) if 0 <= place < len(node.input) else None
        return list(tensor.dims) if tensor is not None else []

    def _whole(self, node: Any, place: int) -> list[int]:
        tensor = self._tensors.get(node.input[place]) if place < len(node.input) else None
        if tensor is None or len(tensor.dims) > 1 or tensor.data_location == onnx.TensorProto.EXTERNAL:
            return []
        return [int(number) for number in numpy_helper.to_array(tensor).reshape(-1)[:8]]

    def _number(self, node: Any, place: int) -> int | None:
        found = self._whole(node, place)
        return found[0] if len(found) == 1 else None


#: Operators behind which the axes are others, and it is known which.
_REARRANGES = frozenset({"Transpose", "Unsqueeze", "Squeeze", "ConvTranspose"})


def _numbers(node: Any, name: str) -> list[int]:
    return next((list(item.ints) for item in node.attribute if item.name == name), [])


def _signal(steps: _Steps) -> _Steps:
    """Return *steps* with time as the last axis: a signal may have one more for real and imaginary parts."""
    return _Steps(steps.axes[:2], steps.most) if steps.axes is not None and len(steps.axes) > 2 else steps


def _mixed(steps: _Steps) -> _Steps:
    return steps if steps.axes is None else _Steps(None, steps.most)


def _all_mixed(found: _ByInput) -> _ByInput:
    return {name: _mixed(steps) for name, steps in found.items()}


def _together(found: Sequence[_ByInput]) -> _ByInput:
    """Return the largest step of each input."""
    if len(found) < 2:
        return found[0] if found else {}
    first = found[0]
    if all(one is first or one == first for one in found):
        return first
    made: _ByInput = {}
    for one in found:
        for name, steps in one.items():
            known = made.get(name)
            made[name] = steps if known is None or known == steps else _larger(known, steps)
    return made


def _larger(one: _Steps, other: _Steps) -> _Steps:
    most = max(one.most, other.most)
    if one.axes is None or other.axes is None or [axis for axis, _ in one.axes] != [axis for axis, _ in other.axes]:
        return _Steps(None, most)
    pairs = zip(one.axes, other.axes, strict=True)
    return _Steps(tuple((axis, max(step, further)) for (axis, step), (_, further) in pairs), most)
