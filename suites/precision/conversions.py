"""Conversions of float32 models, by the tools that people use, and faults planted into their results."""

from __future__ import annotations

import copy
import logging
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
    new = np.asarray(change(content.copy())).astype(content.dtype, order="C")
    raw = new.tobytes()
    tensor.CopyFrom(helper.make_tensor(name, tensor.data_type, new.shape, raw, raw=True))
    return made


def parity(
    candidate: ModelProto,
    reference: ModelProto | None,
    folder: Path,
    backend: str = "ort-cpu",
    tolerance: Tolerance | None = None,
    **more: Any,
) -> CheckResult:
    """The result of the parity check on *candidate* against the file of *reference*; *more* goes into the spec.

    Without a reference, against itself in the same backend without optimizations.
    """
    paths: dict[str, Path] = {}
    for name, model in (("candidate", candidate), ("original", reference)):
        if model is not None:
            paths[name] = folder / f"{name}.onnx"
            onnx.save(model, paths[name])
    original = str(paths["original"]) if reference is not None else None
    spec = ModelSpec(
        "candidate", str(paths["candidate"]), "candidate.onnx", backends=(backend,), reference=original,
        **({"tolerance": tolerance} if tolerance else {}), **more,
    )  # fmt: skip
    options = RunOptions(in_process=True)
    (found,) = [r for r in validate(spec, checks=["parity"], options=options) if r.check == "parity"]
    return found


def told(result: CheckResult) -> str:
    """All that is said, for messages of failed tests."""
    return "\n".join([str(result), *result.notes, str(dict(result.figures))])


class Calibration:
    """Samples for onnxruntime.quantization, drawn as the checks draw theirs."""

    def __init__(self, model: ModelProto, count: int = 24, spread: float = 1.0) -> None:
        random = np.random.default_rng(99)
        shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input}
        self._samples = iter(
            [
                {name: random.uniform(-spread, spread, shape).astype(np.float32) for name, shape in shapes.items()}
                for _ in range(count)
            ]
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._samples, None)


def quantised(model: ModelProto, folder: Path, form: str, per_channel: bool, **more: Any) -> ModelProto:
    """*model* as onnxruntime.quantization makes it.

    Args:
        form: ``qdq``, ``qoperator`` or ``dynamic``.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_dynamic, quantize_static

    class Reader(Calibration, CalibrationDataReader):  # type: ignore[misc]
        pass

    source, target = folder / "to_quantise.onnx", folder / "quantised.onnx"
    onnx.save(model, source)
    logging.disable(logging.WARNING)  # it advises to optimize first
    try:
        if form == "dynamic":
            quantize_dynamic(str(source), str(target), per_channel=per_channel, **more)
        else:
            kind = QuantFormat.QDQ if form == "qdq" else QuantFormat.QOperator
            quantize_static(str(source), str(target), Reader(model), quant_format=kind, per_channel=per_channel, **more)
    finally:
        logging.disable(logging.NOTSET)
    return onnx.load(target)
