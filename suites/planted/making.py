"""What the planted kinds are made of: nodes, values and constants, and the list that each kind is put on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT, BOOL = int(TensorProto.FLOAT), int(TensorProto.INT64), int(TensorProto.BOOL)
node = helper.make_node
value = helper.make_tensor_value_info

#: Makes a model: with True the damaged one.
Make = Callable[[bool], onnx.ModelProto]


@dataclass(frozen=True)
class Kind:
    """One kind of damage.

    Attributes:
        why: which inputs tell, and who would make such a mistake.
        checks: any of them may find it.
    """

    name: str
    why: str
    make: Make
    checks: tuple[str, ...] = ("parity",)


KINDS: dict[str, Kind] = {}


def kind(name: str, why: str, checks: Sequence[str] = ("parity",)) -> Callable[[Make], Make]:
    """Put the function below on the list of kinds."""

    def decorate(make: Make) -> Make:
        assert name not in KINDS
        KINDS[name] = Kind(name, why, make, tuple(checks))
        return make

    return decorate


def random(*shape: int, seed: int = 0, scale: float = 1.0) -> Any:
    """Weights, float32."""
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * scale).astype(np.float32)


def changed(array: Any, place: Any, factor: float = 1.5) -> Any:
    """A copy of *array*, multiplied at *place*."""
    made = array.copy()
    made[place] = made[place] * factor
    return made


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Mapping[str, Any] | None = None,
    ml: int = 0,
    opset: int = 18,
    contrib: int = 0,
) -> onnx.ModelProto:
    """A model; *constants* are its initializers, *ml* and *contrib* versions: ``ai.onnx.ml``, ``com.microsoft``."""
    tensors = [_tensor(array, name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(list(nodes), "planted", list(inputs), list(outputs), tensors)
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid("ai.onnx.ml", ml)] if ml else [])
    opsets += [helper.make_opsetid("com.microsoft", contrib)] if contrib else []
    made = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.checker.check_model(made)
    return made


def _tensor(array: Any, name: str) -> onnx.TensorProto:
    return array if isinstance(array, onnx.TensorProto) else numpy_helper.from_array(np.asarray(array), name)


def twin(made: onnx.ModelProto) -> onnx.ModelProto:
    """The same function with another graph: each output goes through an Identity."""
    copied = onnx.ModelProto()
    copied.CopyFrom(made)
    names = {output.name for output in copied.graph.output}
    for one in copied.graph.node:
        one.output[:] = [f"{name}_inner" if name in names else name for name in one.output]
        one.input[:] = [f"{name}_inner" if name in names else name for name in one.input]
    copied.graph.node.extend(node("Identity", [f"{name}_inner"], [name]) for name in sorted(names))
    return copied
