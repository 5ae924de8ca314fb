"""What is known of one tensor at two batch sizes at once, and how a node passes it on.

Every shape is followed twice, at the batch of the original (*small*) and at another one (*large*). An axis
whose two sizes differ carries the batch; that finds it wherever transposes, reshapes and merges have put it,
with no symbolic algebra and with onnx's own inference for every operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import onnx
from onnx import NodeProto, TensorProto, TypeProto, helper, numpy_helper, shape_inference
from onnx.external_data_helper import uses_external_data

from pytest_onnxaccel.graph.files import FOLLOWED
from pytest_onnxaccel.graph.rebatch.shape_values import Array

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Fact:
    """One tensor.

    Attributes:
        elem: ONNX's number of the element type; 0 when unknown.
        small, large: shape at the original batch and at the other one; None when the rank is unknown.
        inner: by axis, the factor that follows the batch within a merged axis (batch x heads: the heads).
        before, after: value at the two batches where it is small and known.
        fed: its data depends on an input (and not merely on an input's shape).
        repeated: integers that were repeated along the batch because they had no batch of their own.
    """

    elem: int = 0
    small: Shape | None = None
    large: Shape | None = None
    inner: dict[int, int] = field(default_factory=dict)
    before: Array | None = None
    after: Array | None = None
    fed: bool = False
    repeated: bool = False

    @property
    def batch_axes(self) -> list[int]:
        """Axes that carry the batch; empty also when too little is known."""
        if self.small is None or self.large is None or len(self.small) != len(self.large):
            return []
        pairs = enumerate(zip(self.small, self.large, strict=True))
        return [i for i, (a, b) in pairs if a is not None and b is not None and a != b]

    @property
    def known(self) -> bool:
        return self.small is not None and self.large is not None and None not in (*self.small, *self.large)


UNKNOWN = Fact(fed=True)


def fact_of_tensor(tensor: TensorProto) -> Fact:
    """Return a constant: the same at every batch."""
    shape = tuple(tensor.dims)
    size = 1
    for d in shape:
        size *= d
    value = None
    if size <= FOLLOWED and not uses_external_data(tensor) and tensor.data_type != TensorProto.STRING:
        try:
            value = numpy_helper.to_array(tensor)
        except Exception:  # a malformed tensor is found when the model is run; here it is merely unknown
            value = None
    return Fact(tensor.data_type, shape, shape, before=value, after=value)


def fact_of_value(value: Array) -> Fact:
    """Return a constant given as an array."""
    elem = helper.np_dtype_to_tensor_dtype(value.dtype)
    return Fact(int(elem), tuple(value.shape), tuple(value.shape), before=value, after=value)


class DoesNotFit(Exception):
    """Shapes that a node refuses at the larger batch only."""


def _types(node: NodeProto, facts: Sequence[Fact | None], large: bool) -> dict[str, TypeProto]:
    types: dict[str, TypeProto] = {}
    for name, fact in zip(node.input, facts, strict=True):
        if name and fact is not None:
            types[name] = helper.make_tensor_type_proto(fact.elem, fact.large if large else fact.small)
    return types


def _data(node: NodeProto, facts: Sequence[Fact | None], large: bool) -> dict[str, TensorProto]:
    data: dict[str, TensorProto] = {}
    for name, fact in zip(node.input, facts, strict=True):
        value = None if fact is None else (fact.after if large else fact.before)
        if name and value is not None:
            data[name] = numpy_helper.from_array(value, name)
    return data


def _shapes(found: dict[str, TypeProto], node: NodeProto) -> list[tuple[int, Shape | None]]:
    shapes: list[tuple[int, Shape | None]] = []
    for name in node.output:
        tensor = found[name].tensor_type if name in found else TypeProto().tensor_type
        shape: Shape | None = None
        if tensor.HasField("shape"):
            shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
        shapes.append((tensor.elem_type, shape))
    return shapes


def infer(node: NodeProto, facts: Sequence[Fact | None], opsets: Sequence[Any]) -> list[Fact]:
    """Return the facts of the node's outputs, with shapes alone; unknown where onnx knows no operator like this.

    Raises:
        DoesNotFit: the node takes the shapes of the original batch and refuses those of the other one.
    """
    versions = {o.domain.replace("ai.onnx", "") if o.domain == "ai.onnx" else o.domain: o.version for o in opsets}
    domain = "" if node.domain == "ai.onnx" else node.domain
    nothing = [Fact() for _ in node.output]
    try:
        schema = onnx.defs.get_schema(node.op_type, versions.get(domain, 1), domain)
        found = shape_inference.infer_node_outputs(
            schema, node, _types(node, facts, False), _data(node, facts, False), opset_imports=list(opsets)
        )
    except Exception:  # no schema, or a graph that is wrong already at its own batch
        return nothing
    small = _shapes(found, node)
    try:
        found = shape_inference.infer_node_outputs(
            schema, node, _types(node, facts, True), _data(node, facts, True), opset_imports=list(opsets)
        )
    except Exception as error:
        raise DoesNotFit(str(error)) from error
    large = _shapes(found, node)
    return [replace(f, elem=a[0], small=a[1], large=b[1]) for f, a, b in zip(nothing, small, large, strict=True)]
