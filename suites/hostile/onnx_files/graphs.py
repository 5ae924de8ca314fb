"""The smallest legal models that the cases are bent from. `x` and `y` are 1x4 float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike
from onnx import FunctionProto, ModelProto, NodeProto, TensorProto
from onnx.helper import make_function, make_node, make_opsetid

from fixtures.graphs.assembly import OPSET, assemble, value

#: Domain of the cases' own functions.
OWN = "own"


def network(
    *nodes: NodeProto,
    weights: Mapping[str, ArrayLike] | None = None,
    tensors: Sequence[TensorProto] = (),
    functions: Sequence[FunctionProto] = (),
    domains: Mapping[str, int] | None = None,
) -> ModelProto:
    """A model from `x` to `y` with these nodes; by itself a Relu."""
    own = {OWN: 1} if functions else {}
    model = assemble(
        "net",
        nodes or (make_node("Relu", ["x"], ["y"]),),
        [value("x", 1, 4)],
        [value("y", 1, 4)],
        weights,
        {**own, **(domains or {})},
    )
    model.graph.initializer.extend(tensors)
    model.functions.extend(functions)
    return model


def function(name: str, nodes: Sequence[NodeProto], inputs: Sequence[str] = ("a",), **more: Any) -> FunctionProto:
    """A function of the domain :data:`OWN` from `a` to `b`."""
    sets = [make_opsetid("", OPSET), make_opsetid(OWN, 1)]
    return make_function(OWN, name, list(inputs), ["b"], list(nodes), sets, **more)


def call(name: str, taken: str = "x", given: str = "y") -> NodeProto:
    """A node that calls one of the own functions."""
    return make_node(name, [taken], [given], domain=OWN)


def changed(change: Callable[[ModelProto], Any], *nodes: NodeProto, **more: Any) -> ModelProto:
    """:func:`network` after *change*."""
    model = network(*nodes, **more)
    change(model)
    return model


def data(model: ModelProto) -> bytes:
    """The bytes of *model*, the same in every process."""
    return model.SerializeToString(deterministic=True)
