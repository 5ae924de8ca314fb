"""Hand-made graphs and the verdict on each way to re-freeze them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.rebatch.rebatch import METHODS, rebatch
from suites.rebatch.proof import Original, prove

FLOAT = TensorProto.FLOAT
node = helper.make_node
Save = Callable[..., str]


def const(name: str, value: Any, dtype: Any = np.int64) -> TensorProto:
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def weights(name: str, *shape: int) -> TensorProto:
    return const(name, np.random.default_rng(len(name)).standard_normal(shape), np.float32)


def value(name: str, shape: Sequence[int | str | None] | None, elem: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, elem, shape)


def verdict(path: str, method: str, n: int = 3, block: int = 1) -> str:
    """``proven``, or what the proof says, or the cause why the method does not apply."""
    target = f"{path}.{method}{n}"
    try:
        done = rebatch(path, target, n, method)
    except ModelError as error:
        if error.code != "V_BATCH":
            raise
        return f"n/a: {error.cause}"
    json.dumps(done)
    assert done["method"] == method
    return prove(Original(path, n // block, block), target, n, done["outputs"]) or "proven"  # type: ignore[arg-type]


def verdicts(path: str, n: int = 3, block: int = 1) -> dict[str, str]:
    """One word by method: proven, wrong or n/a."""
    found = {m: verdict(path, m, n, block) for m in METHODS}
    return {m: v if v == "proven" else v[:3] if v.startswith("n/a") else "wrong" for m, v in found.items()}


def only(*proven: str, wrong: Sequence[str] = ()) -> dict[str, str]:
    return {m: "proven" if m in proven else "wrong" if m in wrong else "n/a" for m in METHODS}


def relu(save: Save, batch: int | str | None = 1, **more: Any) -> str:
    return save([node("Relu", ["x"], ["y"])], {"x": [batch, 4]}, {"y": [batch, 4]}, **more)


def saver(tmp_path: Path) -> Save:
    """Writes a model of one input ``x`` (unless told otherwise) and gives its path.

    Files of IR 3 list their constants among the inputs. *graph* is what ``helper.make_graph`` takes beside.
    """

    def write(
        nodes: Sequence[NodeProto],
        inputs: Any,
        outputs: Any,
        constants: Sequence[TensorProto] = (),
        *,
        opset: int = 17,
        ir: int = 8,
        functions: Sequence[onnx.FunctionProto] = (),
        **graph: Any,
    ) -> str:
        ins = [value(n, s) if isinstance(s, list | tuple) else s for n, s in inputs.items()]
        outs = [value(n, s) if isinstance(s, list | tuple) or s is None else s for n, s in outputs.items()]
        if ir == 3:
            ins += [value(t.name, list(t.dims), t.data_type) for t in constants]
        made = helper.make_graph(list(nodes), "g", ins, outs, list(constants), **graph)
        imports = [helper.make_opsetid("", opset), *([helper.make_opsetid("own", 1)] if functions else [])]
        model = helper.make_model(made, opset_imports=imports, ir_version=ir, functions=list(functions))
        path = tmp_path / f"model{len(list(tmp_path.iterdir()))}.onnx"
        onnx.save(model, path)
        return str(path)

    return write


def declared_values(path: str) -> list[onnx.ValueInfoProto]:
    graph = onnx.load(path).graph
    return [*graph.input, *graph.value_info, *graph.output]
