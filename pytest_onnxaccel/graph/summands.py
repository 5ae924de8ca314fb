"""How large what is added up for an output is: against that, rounding is small, also where nearly nothing is left.

``1000.1 - 1000`` is 0.1 and exact to 1e-4 alone. So an output near zero is judged at the scale of its summands: the
same sums, of magnitudes. Runs in a worker, gives JSON.
"""

from __future__ import annotations

from typing import Any

import onnx
from onnx import NodeProto, TensorProto, helper

from pytest_onnxaccel.graph.precision.facts import element_types
from pytest_onnxaccel.graph.probe.expose import write_beside
from pytest_onnxaccel.graph.rebatch_files import read_model

#: Behind the name of an output: its summands.
SUMMANDS = "__summands"
#: So many nodes back sums are followed.
_DEPTH = 12
#: Move numbers about: their magnitudes with them.
_MOVES = frozenset({
    "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Tile", "Transpose", "Unsqueeze",
})  # fmt: skip
#: Add up magnitudes of what they add up.
_ADDS = frozenset({"AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum"})
#: Sums of products: of magnitudes.
_PRODUCTS = frozenset({"Conv", "ConvTranspose", "Einsum", "Gemm", "MatMul"})
_TRANSFORMS = frozenset({"DFT", "STFT"})
_LOSSES = frozenset({"NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"})
#: Results of these add up many numbers: the rounding of one after the other grows with the root of their count, and
#: that of a Fourier transform whose angles are computed in float32 faster. By experiment, ONNX Runtime's against
#: float64: 8 units of what is added up at a length of 10, 160 at 1000.
_LONG = _ADDS | _TRANSFORMS | _LOSSES
_GROWTH, _EASY = 2.0 / 3.0, 2.0
_KINDS = (TensorProto.FLOAT,)


def summands(source: str, target: str) -> dict[str, Any]:
    """Write the model at *source*, giving the summands of its outputs instead of the outputs, to *target*.

    Returns:
        ``outputs``: by output that is a sum, the name of its summands. ``long``: those of them that add up many
        numbers, or a Fourier transform gives: their summands are larger by what that costs.
    """
    model = onnx.ModelProto()
    model.CopyFrom(read_model(source))
    graph = model.graph
    writer = _Writer(model)
    found, long = {}, []
    for value in graph.output:
        if value.type.tensor_type.elem_type in _KINDS and writer.sums(value.name):
            found[value.name] = writer.magnitude(value.name, _DEPTH)
            long += [value.name] if writer.last(value.name) in _LONG else []
    if found:
        types = writer.types
        graph.node.extend(writer.nodes)
        kinds = {value.name: types.get(value.name, int(TensorProto.FLOAT)) for value in graph.output}
        del graph.output[:]
        for name, result in found.items():
            graph.node.append(helper.make_node("Identity", [result], [name + SUMMANDS]))
            graph.output.append(helper.make_tensor_value_info(name + SUMMANDS, kinds[name], None))
        write_beside(model, source, target)
    return {"outputs": {name: name + SUMMANDS for name in found}, "long": long}


class _Writer:
    """Writes nodes that compute magnitudes, behind those that compute the values."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.makers = {name: node for node in model.graph.node for name in node.output if name}
        self.types = element_types(model)
        self.nodes: list[NodeProto] = []
        self._made: dict[str, str] = {}

    def last(self, name: str) -> str:
        """Return the operator that computes *name*, which may be moved about, or divided, behind it."""
        node = self.makers.get(name)
        while node is not None and not node.domain and (node.op_type in _MOVES or node.op_type == "Div"):
            node = self.makers.get(node.input[0])
        return node.op_type if node is not None and not node.domain else ""

    def sums(self, name: str) -> bool:
        """Return whether *name* is a sum."""
        return self.last(name) in _ADDS | _PRODUCTS | _TRANSFORMS | _LOSSES | {"Add", "Sub", "Sum"}

    def magnitude(self, name: str, depth: int) -> str:
        """Return the name of the magnitude of what is added up for *name*."""
        if name not in self._made:
            self._made[name] = self._written(name, depth)
        return self._made[name]

    def _written(self, name: str, depth: int) -> str:
        node = self.makers.get(name)
        if node is None or node.domain or depth == 0 or self.types.get(name) not in _KINDS:
            return self._node("Abs", [name])
        op = node.op_type
        if op in _ADDS:
            result = self._like(node, [self.magnitude(node.input[0], depth - 1), *node.input[1:]])
            return self._node("Mul", [result, self._root(node.input[0], result)])
        if op in _LOSSES and len(node.input) > 1:
            return self._node("Mul", [self._node("Abs", [name]), self._root(node.input[1], name)])
        if op in _MOVES:
            return self._like(node, [self.magnitude(node.input[0], depth - 1), *node.input[1:]])
        if op in ("Add", "Sub"):
            return self._node("Add", [self.magnitude(each, depth - 1) for each in node.input])
        if op == "Sum":
            return self._like(node, [self.magnitude(each, depth - 1) for each in node.input])
        if op in _PRODUCTS and all(self.types.get(each) in _KINDS for each in node.input if each):
            return self._like(node, [self._node("Abs", [each]) if each else "" for each in node.input])
        if op == "Neg":
            return self.magnitude(node.input[0], depth - 1)
        if op == "Div":
            return self._node("Div", [self.magnitude(node.input[0], depth - 1), self._node("Abs", [node.input[1]])])
        if op in _TRANSFORMS:
            return self._transform(node) or self._node("Abs", [name])
        return self._node("Abs", [name])

    def _root(self, added: str, result: str) -> str:
        """Return the root of how many numbers of *added* one of *result* is made of, as a factor from 1 on."""
        counts = [self._cast(self._node("Size", [name])) for name in (added, result)]
        root = self._node("Sqrt", [self._node("Div", counts)])
        return self._from_one(root, 1 / 4)

    def _transform(self, node: NodeProto) -> str:
        """Return the summands of a Fourier transform: what it adds up, times what angles cost; empty where unknown."""
        large = self._node("Abs", [node.input[0]])
        if node.op_type == "STFT":
            if len(node.input) < 4 or not node.input[3]:
                return ""
            length = self._cast(node.input[3])
            total = self._node("Mul", [self._node("ReduceMax", [large]), length])
        else:
            axis = next((item.i for item in node.attribute if item.name == "axis"), 1)
            place = self._whole([axis])
            if len(node.input) > 2 and node.input[2]:
                place = self._node("Reshape", [node.input[2], self._whole([1])])
            length = self._cast(self._node("Gather", [self._node("Shape", [node.input[0]]), place]))
            total = self._node("ReduceSum", [large, place])
        grown = self._node("Pow", [length, self._number(_GROWTH)])
        return self._node("Mul", [total, self._from_one(grown, 1 / _EASY)])

    def _from_one(self, name: str, times: float) -> str:
        scaled = self._node("Mul", [name, self._number(times)])
        return self._node("Max", [scaled, self._number(1.0)])

    def _cast(self, name: str) -> str:
        result = f"magnitude__{len(self.nodes)}"
        self.nodes.append(helper.make_node("Cast", [name], [result], name=result, to=TensorProto.FLOAT))
        return result

    def _number(self, value: float) -> str:
        return self._constant(helper.make_tensor("", TensorProto.FLOAT, [], [value]))

    def _whole(self, values: list[int]) -> str:
        return self._constant(helper.make_tensor("", TensorProto.INT64, [len(values)], values))

    def _constant(self, tensor: TensorProto) -> str:
        result = f"magnitude__{len(self.nodes)}"
        self.nodes.append(helper.make_node("Constant", [], [result], name=result, value=tensor))
        return result

    def _like(self, node: NodeProto, inputs: list[str]) -> str:
        made = NodeProto.FromString(node.SerializeToString())
        result = f"magnitude__{len(self.nodes)}"
        made.name = result
        del made.input[:], made.output[:]
        made.input.extend(inputs)
        made.output.append(result)
        self.nodes.append(made)
        return result

    def _node(self, op: str, inputs: list[str]) -> str:
        result = f"magnitude__{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [result], name=result))
        return result
