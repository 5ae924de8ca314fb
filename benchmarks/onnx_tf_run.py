"""onnx-tf as its own documentation runs a model, ``prepare(model).run(inputs)``, as a backend for the benchmarks.

The model is the file as it is shipped, which onnx-tf must be able to read. The plugin's ``onnx-tf`` backend folds a
copy, freezes the graph and runs it in a ``tf.Session``, which is faster. Imported in the isolated
environment of onnx-tf.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytest_onnxaccel.backends.onnx_tf.frameworks import frameworks
from pytest_onnxaccel.backends.onnx_tf.nodes import specs
from pytest_onnxaccel.backends.protocol import SessionInfo
from pytest_onnxaccel.numerics.timing.loop import measure


class RunSession:
    """A ``TensorflowRep``."""

    def __init__(self, rep: Any, info: SessionInfo) -> None:
        self._rep = rep
        self.info = info

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        found = self._rep.run(dict(feeds))
        return {spec.name: value for spec, value in zip(self.info.outputs, found)}  # noqa: B905 (Python 3.9)

    def time(self, feeds: Mapping[str, Any], plan: Any) -> Any:
        ready = dict(feeds)
        return measure(lambda: self._rep.run(ready), plan)

    def close(self) -> None:
        self._rep = None


class OnnxTfRun:
    """What a worker asks for as ``onnx_tf_run:OnnxTfRun``."""

    def load(self, path: str, options: Any) -> RunSession:
        tf, onnx, _ = frameworks()
        if options.threads:
            tf.config.threading.set_intra_op_parallelism_threads(options.threads)
            tf.config.threading.set_inter_op_parallelism_threads(options.threads)
        from onnx_tf.backend import prepare

        model = onnx.load(path)
        info = SessionInfo(specs(onnx, model.graph.input), specs(onnx, model.graph.output))
        return RunSession(prepare(model, logging_level="ERROR"), info)


def opener(engines: Any, model_session: Any, options: Any, limits: Any) -> Callable[[], Any]:
    """Opens sessions of the model in one worker of the isolated environment, as ``Subject.fresh`` does."""
    from pytest_onnxaccel.backends.checked_session import CheckedSession
    from pytest_onnxaccel.environments.locate import bootstrap, interpreter
    from pytest_onnxaccel.isolation.engine import WorkerEngine
    from pytest_onnxaccel.isolation.launch import Launch
    from pytest_onnxaccel.isolation.supervisor import WorkerProcess

    python = interpreter("onnx-tf", None)
    if python is None:
        raise SystemExit("onnx-tf is not there: python -m pytest_onnxaccel env onnx-tf builds it")
    start = "\n".join(
        (
            "import sys",
            f"sys.path.append({str(Path(__file__).parent)!r})",
            "from pytest_onnxaccel.isolation.worker import main",
            "main()",
        )
    )
    command, staging = [python, "-c", bootstrap(start)], engines.staging

    def process() -> WorkerProcess:
        return WorkerProcess("onnx-tf run", Launch(command, staging.folder, legacy=True), staging.sentinel, limits)

    engine = WorkerEngine("onnx_tf_run:OnnxTfRun", process)
    info = model_session.info
    return lambda: CheckedSession(engine.load(model_session.path, options), info.inputs, info.outputs)
