"""The end-to-end question: does the deployed pipeline give what the one of the training gives, on images?"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.specs import ModelInfo
from pytest_onnxaccel.isolation.staging.external_data import stage_external
from pytest_onnxaccel.isolation.staging.stage_model import stage
from pytest_onnxaccel.preprocessing.pipeline import PipelineReport, compare_pipelines, passed_or_raise
from pytest_onnxaccel.runner import arguments as given
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.tools import TOOLS


def pipeline_parity(
    reference: Sequence[Any],
    candidate: Sequence[Any],
    *,
    backend: str = "ort-cpu",
    options: RunOptions | None = None,
    **arguments: Any,
) -> PipelineReport:
    """Compare two pipelines of preprocess, model and postprocess on images, end to end.

    Args:
        reference: ``(preprocess, model, postprocess)`` of the training: functions; the model may be the path of an
            ``.onnx`` file, which is run in a worker on what *preprocess* gives. Several outputs are several arguments
            of the next stage.
        candidate: the same of what is deployed.
        backend: name of the backend that runs ``.onnx`` files.
        options: settings of a run: time and memory limits, sandbox; the defaults when None.
        arguments: those of :func:`~pytest_onnxaccel.preprocessing.compare`: ``shape=``, ``shapes=``, ``images=``,
            ``inputs=``, ``atol=``, ``unordered=`` ...

    Returns:
        The report of pipelines that agree.

    Raises:
        CheckFailure: they do not, or nothing could be compared; the first stage that differs is named. ``.report`` is
            the :class:`~pytest_onnxaccel.preprocessing.pipeline.PipelineReport`.
        OnnxAccelError: a model cannot be run, or an argument cannot be used.
    """
    engines = Engines(given.run_options(options))
    try:
        opened: dict[str, Callable[..., Any]] = {}
        sides = []
        for side in (reference, candidate):
            if isinstance(side, (str, bytes)) or not isinstance(side, Sequence):
                raise ConfigError(f"{side!r} is not a pipeline", remedy="give (preprocess, model, postprocess)")
            stages = []
            for one in side:
                if isinstance(one, (str, os.PathLike)):
                    path = os.path.abspath(one)
                    one = opened[path] if path in opened else opened.setdefault(path, _model(engines, path, backend))
                stages.append(one)
            sides.append(stages)
        return passed_or_raise(compare_pipelines(sides[0], sides[1], **arguments))
    finally:
        engines.close()


def _model(engines: Engines, path: str, backend: str) -> Callable[..., Any]:
    """Return the model at *path* as a function of its inputs, run in a worker."""
    shown, seconds = os.path.basename(path), engines.options.limits.seconds
    staged = stage(path, shown, os.path.join(engines.folder, f"pipeline-{abs(hash(path))}"), seconds)
    tools = engines.open(TOOLS, {}, own=staged.folder)
    info = ModelInfo.from_json(tools.graph("inspect", path=staged.path))
    stage_external(staged, info.external, shown, seconds)
    tools.close()
    session = engines.open(backend, info.operators, own=staged.folder).load(staged.path, LoadOptions())
    names = [spec.name for spec in info.inputs]

    import numpy as np

    def run(*inputs: Any) -> Any:
        if len(inputs) == 1 and isinstance(inputs[0], dict):
            feeds = inputs[0]
        elif len(inputs) != len(names):
            raise ValueError(f"{shown} takes {len(names)} inputs ({', '.join(names)}), preprocess gives {len(inputs)}")
        else:
            feeds = dict(zip(names, inputs, strict=True))
        outputs = session.run({name: np.ascontiguousarray(array) for name, array in feeds.items()})
        values = tuple(outputs.values())
        return values if len(values) > 1 else values[0]

    run.__qualname__, run.__module__ = shown, ""
    return run
