"""TensorFlow as a runtime: runs what a model was converted from, or what one was converted to.

Importing this needs no TensorFlow: the pytest process asks for the availability, and a worker loads the source.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace

from pytest_onnxaccel.backends.distributions import versions_of
from pytest_onnxaccel.backends.protocol import Availability, LoadOptions, Session, SessionInfo
from pytest_onnxaccel.backends.tensorflow.open import KINDS
from pytest_onnxaccel.core.errors import ConfigError

_DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "keras", "tf2onnx")


class TensorflowBackend:
    """The backend ``tensorflow``: frozen graph, SavedModel, checkpoint, Keras or TensorFlow Lite file, on the CPU."""

    name = "tensorflow"
    role = "source"
    environment = ""
    keep_worker = True
    complete = False
    optimizes = True
    preload = ("numpy",)
    kinds = KINDS

    def availability(self) -> Availability:
        """Return whether TensorFlow is installed, by its metadata."""
        found = versions_of(*_DISTRIBUTIONS)
        if not any(name.startswith("tensorflow") for name in found):
            remedy = 'python -m pip install "pytest-onnxaccel[tensorflow]"'
            return Availability(False, "tensorflow is not installed", remedy)
        return Availability(True, versions=found, devices=("cpu",))

    def prepare(self, operators: Mapping[str, int], opset: int) -> str:
        return ""

    def variants(self, options: LoadOptions) -> list[tuple[str, LoadOptions]]:
        """Return the same source, legally computed otherwise: on one thread, and as it stands in the graph."""
        return [
            ("1 thread", replace(options, threads=1)),
            ("without graph optimizations", replace(options, optimize=False)),
        ]

    def load(self, path: str, options: LoadOptions) -> Session:
        """Load the staged source at *path*; called in a worker.

        Raises:
            ModelError: it must not be loaded (``E_UNSAFE``), cannot be, or its names are not those of the model.
            ConfigError: no source was given.
        """
        from pytest_onnxaccel.backends.tensorflow.imports import tensorflow
        from pytest_onnxaccel.backends.tensorflow.open import open_tensorflow
        from pytest_onnxaccel.backends.tensorflow.session import TensorflowSession

        source = options.source
        if source is None:
            raise ConfigError("tensorflow runs the source of a model, and none was given", remedy="name its source")
        names = [spec.name for spec in source.inputs]
        opened = open_tensorflow(path, source.kind, names, source.outputs, options=options, trusted=source.trusted)
        tf = tensorflow()
        if options.threads:
            # A Keras model runs on the threads of the process, which only the first model can choose
            with contextlib.suppress(RuntimeError):
                tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        info = SessionInfo(
            opened.inputs,
            opened.outputs,
            notes=tuple(opened.notes),
            facts={
                "provider": "TensorFlow",
                "device": "CPU",
                "threads": options.threads,
                "path": opened.way,
                "tensors": opened.tensors,
                "versions": {"tensorflow": tf.__version__},
            },
        )
        return TensorflowSession(opened.callable(), opened.close, info)
