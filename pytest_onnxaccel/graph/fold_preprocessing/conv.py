"""The convolution that takes the image, with weights that can be changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, ModelProto, NodeProto, helper, numpy_helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.files import all_graphs
from pytest_onnxaccel.graph.fold_preprocessing.image_input import ImageInput

_PREPEND = "put the preprocessing in front of the model instead (prepend)"


@dataclass
class Conv:
    """A Conv node; weights and bias in float64 until they are stored.

    Attributes:
        weights: out x (in / group) x kernel.
        pads: as ONNX writes them: the beginnings of all spatial axes, then the ends.
        dtype: of the weights in the file.
    """

    node: NodeProto
    image: ImageInput
    weights: NDArray[Any]
    bias: NDArray[Any]
    pads: tuple[int, ...]
    group: int
    dtype: np.dtype[Any]

    @property
    def output(self) -> str:
        return str(self.node.output[0])

    def reverse_channels(self) -> None:
        """Take the channels in the opposite order."""
        if self.group != 1:
            raise _cannot("the first convolution has groups, whose channels cannot be reversed")
        self.weights = self.weights[:, ::-1]

    def scale(self, scales: NDArray[Any]) -> None:
        """Multiply the input by *scales* first."""
        self.weights = self.weights * self._by_weight(scales)

    def shift(self, means: NDArray[Any]) -> None:
        """Subtract *means* from the input first; right where nothing is padded with zeros any more."""
        summed = (self.weights * self._by_weight(means)).reshape(len(self.weights), -1).sum(axis=1)
        self.bias = self.bias - summed

    def _by_weight(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return *values* of the input's channels, in a shape that broadcasts over the weights."""
        out, inside = self.weights.shape[:2]
        rows = values.reshape(self.group, inside).repeat(out // self.group, axis=0)
        return rows.reshape(out, inside, *[1] * (self.weights.ndim - 2))

    def padding(self, source: str, target: str, value: float) -> list[NodeProto]:
        """Return an explicit Pad with *value* that takes the place of the node's own padding."""
        half = len(self.pads) // 2
        pads = [0, 0, *self.pads[:half], 0, 0, *self.pads[half:]]
        self.pads = (0,) * len(self.pads)
        name = f"{target}/Pad"
        if self.image.opset < 11:
            return [helper.make_node("Pad", [source], [target], name=name, pads=pads, value=float(value))]
        constants = (
            (f"{target}/pads", np.asarray(pads, np.int64)),
            (f"{target}/mean", np.asarray(value, helper.tensor_dtype_to_np_dtype(self.image.dtype))),
        )
        nodes = [
            helper.make_node("Constant", [], [key], value=numpy_helper.from_array(array, key))
            for key, array in constants
        ]
        return [*nodes, helper.make_node("Pad", [source, *(key for key, _ in constants)], [target], name=name)]

    def store(self, model: ModelProto) -> None:
        """Put weights, bias and pads into *model*; what other nodes share is left as it was."""
        names = []
        for role, array in (("weight", self.weights), ("bias", self.bias)):
            names.append(f"{self.output}/folded_{role}")
            array = np.ascontiguousarray(array.astype(self.dtype))
            model.graph.initializer.append(numpy_helper.from_array(array, names[-1]))
            if model.ir_version < 4:  # there an initializer is an input with a default
                kind = helper.np_dtype_to_tensor_dtype(self.dtype)
                model.graph.input.append(helper.make_tensor_value_info(names[-1], kind, array.shape))
        before = self.node.input[1:]
        del self.node.input[1:]
        self.node.input.extend(names)
        used = {value for graph in all_graphs(model) for node in graph.node for value in node.input}
        gone = {value for value in before if value not in used}
        for entries in (model.graph.initializer, model.graph.input):
            for index in reversed(range(len(entries))):
                if entries[index].name in gone:
                    del entries[index]
        kept = [a for a in self.node.attribute if a.name not in ("pads", "auto_pad")]
        del self.node.attribute[:]
        self.node.attribute.extend([*kept, helper.make_attribute("pads", self.pads)])


def first_conv(model: ModelProto, image: ImageInput) -> Conv:
    """Return the Conv that alone takes *image*.

    Raises:
        ModelError: ``E_CONVERT``: there is none, or its weights or padding are not known beforehand.
    """
    takers = [node for graph in all_graphs(model) for node in graph.node if image.name in node.input]
    if len(takers) != 1 or takers[0].op_type != "Conv" or takers[0].input[0] != image.name:
        found = ", ".join(sorted({node.op_type for node in takers})) or "no node"
        raise _cannot(f"the input {image.name!r} is taken by {found}, not by one Conv alone")
    node = takers[0]
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    weights = _constant(model, node.input[1])
    bias = _constant(model, node.input[2]) if len(node.input) > 2 and node.input[2] else None
    pads = _pads(attributes, image, weights.shape[2:])
    if bias is None:
        bias = np.zeros(len(weights), weights.dtype)
    group = int(attributes.get("group", 1))
    return Conv(node, image, weights.astype(np.float64), bias.astype(np.float64), pads, group, weights.dtype)


def _constant(model: ModelProto, name: str) -> NDArray[Any]:
    for tensor in model.graph.initializer:
        if tensor.name == name:
            return numpy_helper.to_array(tensor)
    for node in model.graph.node:
        if name in node.output and node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.type == AttributeProto.TENSOR:
                    return numpy_helper.to_array(attribute.t)
    raise _cannot(f"{name!r}, a weight of the first convolution, is computed")


def _pads(attributes: dict[str, Any], image: ImageInput, kernel: tuple[int, ...]) -> tuple[int, ...]:
    """Return the padding in numbers, also where the node leaves it to the runtime."""
    auto = bytes(attributes.get("auto_pad", b"NOTSET")).decode()
    if auto == "NOTSET":
        return tuple(attributes.get("pads", [0] * 2 * len(kernel)))
    if auto == "VALID":
        return (0,) * (2 * len(kernel))
    begins, ends = [], []
    strides = attributes.get("strides", [1] * len(kernel))
    dilations = attributes.get("dilations", [1] * len(kernel))
    for size, width, stride, dilation in zip(image.dims[2:], kernel, strides, dilations, strict=True):
        if not isinstance(size, int):
            raise _cannot(f"the first convolution pads by {auto}, and the image's size is open")
        total = max(0, (-(-size // stride) - 1) * stride + (width - 1) * dilation + 1 - size)
        small, large = total // 2, total - total // 2
        begins.append(small if auto == "SAME_UPPER" else large)
        ends.append(large if auto == "SAME_UPPER" else small)
    return (*begins, *ends)


def _cannot(cause: str) -> ModelError:
    return ModelError(cause, code="E_CONVERT", remedy=_PREPEND)
