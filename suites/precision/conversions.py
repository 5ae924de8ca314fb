"""Conversions of float32 models, by the tools that people use, and faults planted into their results."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import ModelSpec, Tolerance
from pytest_onnxaccel.runner.api import validate
from pytest_onnxaccel.runner.request import RunOptions


def to_float16(model: ModelProto, keep_io_types: bool, blocked: list[str] | None = None) -> ModelProto:
    """As onnxconverter-common does it."""
    from onnxconverter_common import float16

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numbers too small for the type
        made: ModelProto = float16.convert_float_to_float16(
            copy.deepcopy(model), keep_io_types=keep_io_types, op_block_list=blocked
        )
    return made


def to_bfloat16(model: ModelProto, keep_io_types: bool) -> ModelProto:
    """Every float in bfloat16, by hand: the converter knows float16 alone."""
    made = copy.deepcopy(model)
    made.graph.ClearField("value_info")
    narrow = helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16)
    for tensor in made.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            few = numpy_helper.to_array(tensor).astype(narrow)
            raw = few.tobytes()
            tensor.CopyFrom(helper.make_tensor(tensor.name, TensorProto.BFLOAT16, few.shape, raw, raw=True))
    if not keep_io_types:
        for value in (*made.graph.input, *made.graph.output):
            value.type.tensor_type.elem_type = TensorProto.BFLOAT16
        return made
    given = {value.name for value in made.graph.input}
    left = {value.name for value in made.graph.output}
    for node in made.graph.node:
        for names, marked in ((node.input, given), (node.output, left)):
            for place, name in enumerate(names):
                names[place] = f"{name}_bf16" if name in marked or name in left else name
    before = [helper.make_node("Cast", [n], [f"{n}_bf16"], name=f"in_{n}", to=TensorProto.BFLOAT16) for n in given]
    after = [helper.make_node("Cast", [f"{n}_bf16"], [n], name=f"out_{n}", to=TensorProto.FLOAT) for n in left]
    nodes = [*before, *made.graph.node, *after]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    return made


def changed(model: ModelProto, name: str, change: Any) -> ModelProto:
    """*model* with *change* made to a copy of the constant *name*."""
    made = copy.deepcopy(model)
    tensor = next(t for t in made.graph.initializer if t.name == name)
    content = numpy_helper.to_array(tensor)
    new = np.ascontiguousarray(change(content.copy())).astype(content.dtype)
    raw = new.tobytes()
    tensor.CopyFrom(helper.make_tensor(name, tensor.data_type, new.shape, raw, raw=True))
    return made


def parity(
    candidate: ModelProto,
    reference: ModelProto,
    folder: Path,
    backend: str = "ort-cpu",
    tolerance: Tolerance | None = None,
    **more: Any,
) -> CheckResult:
    """The result of the parity check on *candidate* against the file of *reference*; *more* goes into the spec."""
    paths: dict[str, Path] = {}
    for name, model in (("candidate", candidate), ("original", reference)):
        paths[name] = folder / f"{name}.onnx"
        onnx.save(model, paths[name])
    spec = ModelSpec(
        "candidate", str(paths["candidate"]), "candidate.onnx", backends=(backend,), reference=str(paths["original"]),
        **({"tolerance": tolerance} if tolerance else {}), **more,
    )  # fmt: skip
    options = RunOptions(in_process=True)
    (found,) = [r for r in validate(spec, checks=["parity"], options=options) if r.check == "parity"]
    return found


def told(result: CheckResult) -> str:
    """All that is said, for messages of failed tests."""
    return "\n".join([str(result), *result.notes, str(dict(result.figures))])
