"""Tries a backend on a small model in a supervised worker: a runtime that crashes or hangs is a line."""

from __future__ import annotations

import os
import time
from typing import Any

from pytest_onnxaccel.core.errors import BackendUnavailable, OnnxAccelError, printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

#: Time limit of each stage; a cold start of TensorFlow takes 10 s.
SECONDS = 60.0


@record(frozen=True)
class Trial:
    """How a trial ended.

    Attributes:
        error: why it failed; None when the backend computed the model.
        facts: what the session said of itself.
    """

    seconds: float
    error: OnnxAccelError | None = None
    facts: dict[str, Any] | None = None


class Trials:
    """Tries backends one after another; :meth:`close` removes what that took."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._engines = Engines(RunOptions(limits=Limits(seconds, Limits.default().memory)))
        self._number = 0

    def run(self, name: str) -> Trial:
        """Compute a small model with backend *name*."""
        start = time.monotonic()
        try:
            facts = self._run(name)
        except OnnxAccelError as error:
            return Trial(time.monotonic() - start, error)
        except Exception as error:  # a third party's prepare(), for one, may raise anything
            text = printable(f"{type(error).__name__}: {error}", 300)
            return Trial(time.monotonic() - start, OnnxAccelError(text))
        return Trial(time.monotonic() - start, None, facts)

    def _run(self, name: str) -> dict[str, Any]:
        try:
            path, feeds, expected = _model(self._engines.folder)
        except Exception as error:
            raise BackendUnavailable(
                f"a model cannot be made to try it: {type(error).__name__}: {error}",
                remedy="python -m pip install --force-reinstall onnx numpy",
            ) from None
        self._number += 1
        spec = ModelSpec("trial", path, "the doctor's model", origin="doctor")
        model_session = ModelSession(spec, self._engines, self._number, (name,), 0)
        try:
            session = model_session.session(name)
            value = session.run(feeds)["y"]
            facts = dict(session.info.facts)
        finally:
            model_session.close()
        if value.shape != expected.shape or abs(value - expected).max() > 1e-2:
            raise BackendUnavailable(
                f"it computes a small model wrongly: {value.tolist()} instead of {expected.tolist()}"
            )
        return facts

    def close(self) -> None:
        """End the workers."""
        self._engines.close()


def _model(folder: str) -> tuple[str, dict[str, Any], Any]:
    """Return a file with one Gemm, inputs for it, and what must come out."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    x = np.array([[0.5, -1.0]], np.float32)
    w = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, -1.0]], np.float32)
    b = np.array([0.25, 0.0, 1.0], np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"], "gemm")],
        "trial",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    path = os.path.join(folder, "trial.onnx")
    with open(path, "wb") as file:
        file.write(model.SerializeToString())
    return path, {"x": x}, x @ w + b
