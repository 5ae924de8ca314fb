"""A right backend with nine operators in NumPy, and wrong ones that each break one promise."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import Any, ClassVar

from pytest_onnxaccel.backend_api import Availability, ModelError, SessionInfo, TensorSpec, measure


class ToySession:
    def __init__(self, model: Any) -> None:
        import numpy as np
        from onnx import helper, numpy_helper

        self.np = np
        self.operators = {
            "Add": np.add,
            "Gather": lambda table, index: table[index],
            "Gemm": lambda a, b, c: a @ b + c,
            "MatMul": np.matmul,
            "Neg": np.negative,
            "Not": np.logical_not,
            "ReduceMax": np.max,
            "Relu": lambda x: np.maximum(x, 0),
            "Where": np.where,
        }
        self.constants = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
        self.nodes = list(model.graph.node)
        for node in self.nodes:
            if node.op_type not in self.operators:
                raise ModelError(f"no operator {node.op_type}", code="E_SCHEMA")

        def spec(value: Any) -> TensorSpec:
            tensor = value.type.tensor_type
            dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
            return TensorSpec(value.name, dtype, tuple(d.dim_value or d.dim_param for d in tensor.shape.dim))

        self.info = SessionInfo(tuple(map(spec, model.graph.input)), tuple(map(spec, model.graph.output)))

    def run(self, feeds: Any) -> Any:
        try:
            return self.compute(feeds)
        except ValueError as error:
            raise ModelError(str(error), code="E_RUN") from None

    def compute(self, feeds: Any) -> dict[str, Any]:
        values = {**self.constants, **feeds}
        for node in self.nodes:
            result = self.operators[node.op_type](*(values[name] for name in node.input))
            values[node.output[0]] = self.np.asarray(result)
        return {spec.name: values[spec.name] for spec in self.info.outputs}

    def time(self, feeds: Any, plan: Any) -> Any:
        return measure(lambda: self.run(feeds), plan)

    def close(self) -> None:
        self.nodes = []


class Toy:
    name = "toy"
    role = "runtime"
    environment = ""
    keep_worker = True
    session: ClassVar[type] = ToySession

    def availability(self) -> Any:
        return Availability(True, versions={"toy": "1.0"}, devices=("cpu",))

    def prepare(self, operators: Any, opset: int) -> str:
        return ""

    def load(self, path: str, options: Any) -> Any:
        return self.session(self.read(path))

    def read(self, path: str) -> Any:
        import onnx

        try:
            return onnx.load(path)
        except Exception as error:
            raise ModelError(str(error), code="E_PARSE") from None


# -- wrong backends


class Shouting(Toy):
    name = "Toy backend!"


class Boss(Toy):
    role = "boss"


class Eager(Toy):
    def availability(self) -> Any:
        import onnx  # noqa: F401

        return super().availability()


class Mute(Toy):
    def availability(self) -> Any:
        return Availability(False, "it is Sunday")


class Absent(Toy):
    def availability(self) -> Any:
        return Availability(False, "it is Sunday", "sleep 1d")


class Fancy(Toy):
    def prepare(self, operators: Any, opset: int) -> str:
        return "polish"


class Crashing(Toy):
    def read(self, path: str) -> Any:
        try:
            return super().read(path)
        except ModelError:
            os.kill(os.getpid(), signal.SIGSEGV)


class Careless(Toy):
    def read(self, path: str) -> Any:
        import onnx

        return onnx.load(path)


class Vague(Toy):
    def load(self, path: str, options: Any) -> Any:
        try:
            return super().load(path, options)
        except ModelError as error:
            raise ModelError(error.cause, code="E_PARSE") from None


class Stubborn(Toy):
    def load(self, path: str, options: Any) -> Any:
        if options.threads:
            raise ModelError("threads are not supported", code="E_SCHEMA")
        return super().load(path, options)


# -- backends with wrong sessions


class Renaming(Toy):
    class session(ToySession):
        def compute(self, feeds: Any) -> Any:
            return {name + ":0": value for name, value in super().compute(feeds).items()}


class Sorting(Toy):
    class session(ToySession):
        def compute(self, feeds: Any) -> Any:
            return dict(sorted(super().compute(feeds).items()))


class Dropping(Toy):
    class session(ToySession):
        def compute(self, feeds: Any) -> Any:
            return dict(list(super().compute(feeds).items())[:1])


class Listing(Toy):
    class session(ToySession):
        def compute(self, feeds: Any) -> Any:
            return list(super().compute(feeds).values())


class Inexact(Toy):
    class session(ToySession):
        def compute(self, feeds: Any) -> Any:
            found = super().compute(feeds)
            return {name: v + v.dtype.type(0.01) if v.dtype.kind == "f" else v for name, v in found.items()}


class Narrow(Toy):
    class session(ToySession):
        def compute(self, feeds: Any) -> Any:
            found = super().compute(feeds)
            return {name: v.astype("float64").astype(v.dtype) for name, v in found.items()}


class Flat(Toy):
    class session(ToySession):
        def compute(self, feeds: Any) -> Any:
            return {name: self.np.atleast_1d(v) for name, v in super().compute(feeds).items()}


class Untyped(Toy):
    class session(ToySession):
        def compute(self, feeds: Any) -> Any:
            return {name: v.astype("float32") for name, v in super().compute(feeds).items()}


class FirstOnly(Toy):
    class session(ToySession):
        def compute(self, feeds: Any) -> Any:
            if isinstance(self.info.inputs[0].shape[0], str) and len(self.info.inputs) == 1:
                feeds = {name: value[:1] for name, value in feeds.items()}
            return super().compute(feeds)


class Misdeclared(Toy):
    class session(ToySession):
        def __init__(self, model: Any) -> None:
            super().__init__(model)
            outputs = tuple(replace(spec, dtype="float32") for spec in self.info.outputs)
            self.info = replace(self.info, outputs=outputs)


class Nameless(Toy):
    class session(ToySession):
        def __init__(self, model: Any) -> None:
            super().__init__(model)
            inputs = tuple(replace(s, name=f"input_{i}") for i, s in enumerate(self.info.inputs))
            self.info = replace(self.info, inputs=inputs)


class Scribbling(Toy):
    class session(ToySession):
        def compute(self, feeds: Any) -> Any:
            found = super().compute(feeds)
            for value in feeds.values():
                value.fill(0)
            return found


class Reusing(Toy):
    class session(ToySession):
        buffers: Any = None

        def compute(self, feeds: Any) -> Any:
            found = super().compute(feeds)
            if self.buffers is None or any(self.buffers[n].shape != v.shape for n, v in found.items()):
                self.buffers = found
            for name, value in found.items():
                self.np.copyto(self.buffers[name], value)
            return dict(self.buffers)


class Brittle(Toy):
    class session(ToySession):
        def close(self) -> None:
            del self.nodes


class Hasty(Toy):
    class session(ToySession):
        def time(self, feeds: Any, plan: Any) -> Any:
            return super().time(feeds, replace(plan, samples=3, least=3))


class Timeless(Toy):
    class session(ToySession):
        def time(self, feeds: Any, plan: Any) -> Any:
            timing = super().time(feeds, plan)
            return replace(timing, wall_ns=(0,) * len(timing.wall_ns))


class Raw(Toy):
    class session(ToySession):
        run = ToySession.compute


class Soothing(Toy):
    class session(ToySession):
        def run(self, feeds: Any) -> Any:
            try:
                return super().run(feeds)
            except ModelError:
                return {spec.name: self.np.zeros(1, "float32") for spec in self.info.outputs}
