"""Quantised constants and values of a graph: their steps and zero points, and the nodes that write and read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, numpy_helper

from pytest_onnxaccel.graph.precision.operators import BIAS, HANDS_ON, INTEGER, MOVES, PLACES, label
from pytest_onnxaccel.graph.precision.steps import LIMITS, Held, Steps, Written

#: Behind the name of the original's value: what ONNX Runtime's quantiser calls it in whole numbers.
WHOLE = "_quantized"
#: Behind the name of the original's constant: what it calls the scale.
SCALE = "_scale"


class Quantised:
    """What of *model*, its external data in it, is quantised."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model, self.graph = model, model.graph
        self.outputs = {value.name for value in model.graph.output}
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant":
                self.constants |= {
                    name: item.t for name in node.output for item in node.attribute if item.name == "value"
                }
        self.makers = {name: node for node in model.graph.node for name in node.output if name}
        self.readers: dict[str, list[NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def array(self, name: str) -> Any:
        """Return the constant *name*, through what hands it on; None where it is none."""
        if name in self.constants:
            return numpy_helper.to_array(self.constants[name])
        return None

    def steps(self, node: NodeProto, scale: int, zero: int) -> Steps | None:
        """Return scale and zero point at these places of *node*; None where the scale is not a constant."""
        found = self.array(node.input[scale]) if len(node.input) > scale else None
        if found is None:
            return None
        point = self.array(node.input[zero]) if len(node.input) > zero and node.input[zero] else None
        whole = np.zeros(found.shape, np.int64) if point is None else point.astype(np.int64)
        attributes = {item.name: item.i for item in node.attribute}
        axis = attributes.get("axis", 1) if node.op_type.endswith("uantizeLinear") else 0
        return Steps(found.astype(np.float64), whole, axis, attributes.get("block_size", 0))

    def held(self) -> Iterator[Held]:
        """Return the weights and biases."""
        for node in self.graph.node:
            reads, _ = PLACES.get(node.op_type, ((), None))
            for place, scale, zero in reads:
                constant = self._numbers(node, place)
                steps = self.steps(node, scale, zero) if constant is not None else None
                if constant is None or steps is None:
                    continue
                name, numbers = constant
                turned = any(item.name == "transB" and item.i for item in node.attribute)
                if node.op_type in ("QLinearMatMul", "QGemm") and not turned:
                    steps = steps._replace(axis=numbers.ndim - 1)
                if np.size(steps.scale) == 1 or steps.axis < numbers.ndim:
                    yield Held(name, numbers, steps, self._user(node))
            if node.op_type in INTEGER:
                yield from self._of_integers(node)
            place = BIAS.get(node.op_type, 0)
            if place and len(node.input) > place and node.input[place]:
                yield from self._bias_of(node, place)

    def _numbers(
        self, node: NodeProto, place: int, through: tuple[str, ...] = ("Gather", "Identity")
    ) -> tuple[str, Any] | None:
        """Return the name and content of the constant at *place*; rows of a table that are gathered first count too."""
        name = node.input[place]
        maker = self.makers.get(name)
        while maker is not None and maker.op_type in through:
            name = maker.input[0]
            maker = self.makers.get(name)
        found = self.array(name)
        return None if found is None or found.dtype.kind in "fOSU" else (name, found.astype(np.int64))

    def _bias_of(self, node: NodeProto, place: int) -> Iterator[Held]:
        bias, inner, weights = self._numbers(node, place), self.steps(node, 1, 2), self.steps(node, 4, 5)
        if bias is None or inner is None or weights is None:
            return
        scale = np.ravel(inner.scale)[0] * np.ravel(weights.scale)
        yield Held(*bias, Steps(scale, np.zeros(1, np.int64), 0), node)

    def _of_integers(self, node: NodeProto) -> Iterator[Held]:
        """Return the weights of an integer product, whose scale is multiplied behind it, and a table of its rows."""
        place, zero = INTEGER[node.op_type]
        numbers, table = self._numbers(node, place), self._numbers(node, 0, MOVES)
        factors = self._behind(node)
        if table is not None:
            scale = _own(table[0], factors) if len(factors) > 1 else None
            if scale is not None and np.size(scale) == 1:
                yield Held(*table, Steps(scale.astype(np.float64), self._point(node, 2), 0), node)
        # Of both scales multiplied into one constant, neither is known
        if numbers is None or (table is not None and len(factors) < 2):
            return
        scale = _own(numbers[0], factors)
        axis = 0 if node.op_type == "ConvInteger" else numbers[1].ndim - 1
        if scale is not None and np.size(scale) in (1, numbers[1].shape[axis]):
            yield Held(*numbers, Steps(np.ravel(scale).astype(np.float64), self._point(node, zero), axis), node)

    def _point(self, node: NodeProto, place: int) -> Any:
        point = self.array(node.input[place]) if len(node.input) > place and node.input[place] else None
        return np.zeros(1, np.int64) if point is None else np.ravel(point).astype(np.int64)

    def _behind(self, node: NodeProto) -> dict[str, Any]:
        """Return the constants among the factors that the product of *node* is scaled by, by name.

        One is the scale of the weights. The other operand has one, too, where it was looked up in a quantised table.
        """
        waiting = list(self.readers.get(node.output[0], ()))
        while waiting:
            each = waiting.pop()
            if each.op_type == "Cast":
                waiting += self.readers.get(each.output[0], ())
            elif each.op_type == "Mul" and (found := dict(self._factors(each))):
                return found
        return {}

    def _factors(self, node: NodeProto) -> Iterator[tuple[str, Any]]:
        """Yield the constants that *node*, a product, multiplies, and those of a product that it reads."""
        for name in node.input:
            maker, constant = self.makers.get(name), self.array(name)
            if constant is not None:
                yield name, constant
            elif maker is not None and maker.op_type == "Mul":
                inner = ((each, self.array(each)) for each in maker.input)
                yield from ((each, array) for each, array in inner if array is not None)

    def _user(self, node: NodeProto) -> NodeProto:
        """Return the node that computes with what *node* turns back."""
        user = node
        while user.op_type in ("DequantizeLinear", "Transpose", "Reshape", "Identity", "Cast", "Squeeze", "Unsqueeze"):
            behind = self.readers.get(user.output[0], ())
            if not behind:
                return node
            user = behind[0]
        return user

    def exchanged(self) -> Iterator[tuple[str, Steps, NodeProto, Steps, NodeProto]]:
        """Return the values that are written with steps and read with steps: name, written, by, read, by."""
        written: dict[str, tuple[Steps, NodeProto]] = {}
        for node in self.graph.node:
            reads, writes = PLACES.get(node.op_type, ((), None))
            for place, scale, zero in reads:
                steps = self.steps(node, scale, zero)
                if steps is not None and node.input[place] in written:
                    yield (node.input[place], *written[node.input[place]], steps, node)
            if writes is not None and (steps := self.steps(node, *writes)) is not None:
                written[node.output[0]] = (steps, node)
            elif node.op_type in HANDS_ON and node.input and node.input[0] in written:
                written.update((name, written[node.input[0]]) for name in node.output)

    def written(self) -> dict[str, Written]:
        """Return how values are held in whole numbers, where one step holds for all of a value, by its name.

        That is the float that QuantizeLinear reads, or what a graph's output is called behind it; of an operator that
        gives whole numbers itself, what ONNX Runtime's quantiser called it before.
        """
        found: dict[str, Written] = {}
        for node in self.graph.node:
            _, writes = PLACES.get(node.op_type, ((), None))
            steps = self.steps(node, *writes) if writes is not None else None
            if writes is None or steps is None or np.size(steps.scale) != 1:
                continue
            point = self.constants.get(node.input[writes[1]]) if len(node.input) > writes[1] else None
            limits = LIMITS.get(point.data_type if point is not None else onnx.TensorProto.UINT8)
            if limits is None:
                continue
            zero, step = int(np.ravel(steps.zero)[0]), float(np.ravel(steps.scale)[0])
            held = Written(limits[0] - zero, limits[1] - zero, step, node)
            if node.op_type == "QuantizeLinear":
                found[node.input[0]] = held
            else:
                found.setdefault(node.output[0].removesuffix(WHOLE), held)
            for back in self.readers.get(node.output[0], ()):
                if back.op_type == "DequantizeLinear" and back.output[0] in self.outputs:
                    found.setdefault(back.output[0], held)
        return found

    def ranges(self) -> dict[str, list[Any]]:
        """Return lowest and highest number, step and the node of what :meth:`written` gives, in JSON."""
        return {
            name: [held.low * held.step, held.high * held.step, held.step, label(held.node)]
            for name, held in self.written().items()
        }


def scales_of(quantised: Quantised) -> Iterator[str]:
    """Yield the names of constants that are scales or zero points, also of weights whose product is scaled behind."""
    scales = [np.ravel(held.steps.scale) for held in quantised.held()]
    for node in quantised.graph.node:
        reads, writes = PLACES.get(node.op_type, ((), None))
        places = [place for read in reads for place in read[1:]] + list(writes or ())
        places += [INTEGER[node.op_type][1] - 1, INTEGER[node.op_type][1]] if node.op_type in INTEGER else []
        yield from (node.input[place] for place in places if place < len(node.input) and node.input[place])
        if node.op_type == "Mul":
            for name in node.input:
                found = quantised.array(name)
                if found is not None and any(np.array_equal(np.ravel(found), scale) for scale in scales):
                    yield name


def _own(constant: str, factors: dict[str, Any]) -> Any:
    """Return the scale of *constant* among *factors*: the only one, by its name, or by its channels; else None."""
    name = f"{constant.removesuffix(WHOLE)}{SCALE}"
    if name in factors:
        return factors[name]
    several = [scale for scale in factors.values() if np.size(scale) > 1] if len(factors) > 1 else [*factors.values()]
    return several[0] if len(several) == 1 else None
