"""What the rebuilt reports are made of: one case, its models, and what must be said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, HALF, INT, BOOL, BYTE = (int(getattr(TensorProto, n)) for n in ("FLOAT", "FLOAT16", "INT64", "BOOL", "UINT8"))
node = helper.make_node
value = helper.make_tensor_value_info

#: Candidate, and what it is compared with: another model, or a backend's name.
Made = tuple[onnx.ModelProto, "onnx.ModelProto | str"]


@dataclass(frozen=True)
class Report:
    """One rebuilt report.

    Attributes:
        about: what happened to whom.
        make: the models.
        twin: the same without the fault, which must pass; None where another case is it.
        verdict, code: of the parity check.
        names: nodes, outputs or files that the message must name.
        wrong: engines that must be accused, and no others.
        says, never: texts of message and details.
        backend: the candidate's.
        atol: a tolerance that is given, where none can be measured; 0 for none.
        engines: backends that are registered for the case, by name: a class of ``suites.localise.crooked``.
    """

    name: str
    about: str
    make: Callable[[], Made]
    twin: Callable[[], Made] | None = None
    verdict: str = "failed"
    code: str = "V_PARITY"
    names: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    backend: str = "ort-cpu"
    atol: float = 0.0
    engines: Mapping[str, type] = field(default_factory=dict)


REPORTS: dict[str, Report] = {}


def report(name: str, about: str, **told: Any) -> Callable[[Callable[[], Made]], Callable[[], Made]]:
    """Put the function below on the list of reports."""

    def decorate(make: Callable[[], Made]) -> Callable[[], Made]:
        assert name not in REPORTS
        REPORTS[name] = Report(name, about, make, **told)
        return make

    return decorate


def random(*shape: int, seed: int = 0, scale: float = 1.0) -> Any:
    """Weights, float32."""
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * scale).astype(np.float32)


def positive(*shape: int, seed: int = 0) -> Any:
    """Variances and scales, float32."""
    return np.random.default_rng([seed, *shape]).uniform(0.5, 1.5, shape).astype(np.float32)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    constants: Mapping[str, Any] | None = None,
    opset: int = 17,
) -> onnx.ModelProto:
    """A model of the given graph."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), tensors)
    ir = 8 if opset < 21 else 11
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
