"""Backends that compute one thing wrongly, so that a failure lies in the engine and not in the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint

import onnx
from onnx import ModelProto, helper

from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.protocol import GROUP, LoadOptions, Session
from pytest_onnxaccel.backends.reference import ReferenceBackend
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.lookup import registry


class RawReference(ReferenceBackend):
    """onnx's evaluator on the model as it stands: below opset 14 it normalises with the batch's own statistics."""

    def upgrades(self, opset: int) -> int:
        return 0


class Crooked(OrtCpu):
    """ONNX Runtime whose every Softmax is a HardSigmoid."""

    name = "crooked"
    script = ""

    def load(self, path: str, options: LoadOptions) -> Session:
        model = onnx.load(path)
        self.bend(model, options)
        bent = f"{os.path.splitext(path)[0]}-bent.onnx"
        onnx.save(model, bent)
        return super().load(bent, options)

    def bend(self, model: ModelProto, options: LoadOptions) -> None:
        for node in model.graph.node:
            if node.op_type == "Softmax":
                node.op_type = "HardSigmoid"
                del node.attribute[:]


class CrookedPicky(Crooked):
    """Refuses a model that gives one certain value."""

    REFUSED = "relu_10"

    def bend(self, model: ModelProto, options: LoadOptions) -> None:
        if self.REFUSED in {value.name for value in model.graph.output}:
            raise ModelError(f"{self.REFUSED!r} is not an output of mine", code="E_SCHEMA")
        super().bend(model, options)


class CrookedOptimizer(Crooked):
    """The same, by an optimization only."""

    def bend(self, model: ModelProto, options: LoadOptions) -> None:
        if options.optimize:
            super().bend(model, options)


class CrookedGrid(Crooked):
    """Takes the nearest place for every GridSample, by an optimization only."""

    def bend(self, model: ModelProto, options: LoadOptions) -> None:
        for node in model.graph.node:
            if node.op_type == "GridSample" and options.optimize:
                del node.attribute[:]
                node.attribute.append(helper.make_attribute("mode", "nearest"))


class CrookedFusion(Crooked):
    """Fuses one Relu with the Conv before it, where the value between is not an output, and makes it a LeakyRelu."""

    def bend(self, model: ModelProto, options: LoadOptions) -> None:
        seen = {value.name for value in model.graph.output}
        fused = next((node for node in model.graph.node if node.name == FUSED), None)
        if options.optimize and fused is not None and fused.input[0] not in seen:
            makers = {name: node for node in model.graph.node for name in node.output}
            if fused.input[0] in makers:
                fused.op_type = "LeakyRelu"
                fused.attribute.append(helper.make_attribute("alpha", 0.3))


#: The Relu of ``rfb-320.onnx`` that :class:`CrookedFusion` fuses wrongly.
FUSED = "node_relu_10"


@contextmanager
def registered(name: str, made: type) -> Iterator[None]:
    """*made* as backend *name*, for runs in this process."""
    before = registry.replace(GROUP, name, EntryPoint(name, f"{__name__}:{made.__name__}", GROUP))
    try:
        yield
    finally:
        registry.replace(GROUP, name, before)
