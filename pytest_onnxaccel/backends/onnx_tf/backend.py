"""onnx-tf 1.10 as a runtime: the model as TensorFlow computes it, in an interpreter of its own.

Importing this needs neither TensorFlow nor NumPy: the pytest process asks for the availability, and a worker
in the isolated environment loads the copy that :mod:`pytest_onnxaccel.graph.onnx_tf_copy.prepare` wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pytest_onnxaccel.backends.onnx_tf.device import SETTINGS, Device
from pytest_onnxaccel.backends.onnx_tf.nodes import RECURRENT
from pytest_onnxaccel.backends.protocol import Availability, LoadOptions, Session
from pytest_onnxaccel.core.errors import ModelError

_BUILD = "python -m pytest_onnxaccel env onnx-tf"


class OnnxTf:
    """The backend ``onnx-tf``.

    Args:
        interpreter: a Python that has onnx-tf, instead of the built environment.
        options: its settings, as (key, value): see :class:`~pytest_onnxaccel.backends.onnx_tf.device.Device`.
    """

    name = "onnx-tf"
    role = "runtime"
    environment = "onnx-tf"
    keep_worker = True
    preload = ("pytest_onnxaccel.backends.onnx_tf.preload",)
    optimizes = True
    complete = False

    #: Kind of value by setting
    settings = SETTINGS

    def __init__(self, interpreter: str | None = None, options: tuple[tuple[str, str], ...] = ()) -> None:
        self.interpreter = interpreter
        self._options = options
        self._device = Device.parse(options)

    def with_options(self, options: tuple[tuple[str, str], ...], elsewhere: bool = False) -> OnnxTf:
        """Return it with the settings *options*."""
        return OnnxTf(self.interpreter, options)

    @property
    def reference(self) -> str:
        """What a worker makes it from; without settings that is its entry point."""
        return f"{__name__}:from_text {json.dumps(self._options)}" if self._options else ""

    def availability(self) -> Availability:
        """Return whether the isolated environment is there; looks at files, starts nothing."""
        from pytest_onnxaccel.environments import locate as environment

        found = environment.interpreter(self.environment, self.interpreter)
        if found is not None:
            return Availability(True, versions=environment.versions(found), devices=(str(self._device),))
        named = environment.configured(self.environment, self.interpreter)
        if named is not None:
            return Availability(False, f"the interpreter named for onnx-tf does not exist: {named}", _BUILD)
        return Availability(False, "the isolated environment onnx-tf is not built", _BUILD)

    def prepare(self, operators: Mapping[str, int], opset: int) -> str:
        """Return the preparation, which every graph needs; refuse graphs with several recurrent nodes.

        Raises:
            ModelError: ``E_SCHEMA``, naming the recurrent operators.
        """
        recurrent = {name: operators[name] for name in RECURRENT if operators.get(name)}
        if sum(recurrent.values()) > 1:
            counted = ", ".join(f"{name} x{count}" for name, count in recurrent.items())
            raise ModelError(
                f"onnx-tf computes several recurrent nodes in one graph wrongly: {counted} (opset {opset})",
                code="E_SCHEMA",
                remedy="compare this model with another backend",
            )
        return "legacy"

    def fresh_process_per_model(self, operators: Mapping[str, int]) -> bool:
        """Return whether a model with these operators needs a process that has loaded no other recurrent model."""
        return any(operators.get(name) for name in RECURRENT)

    def load(self, path: str, options: LoadOptions) -> Session:
        """Load the prepared copy at *path*; called in the legacy interpreter.

        Raises:
            ModelError: ``E_SCHEMA``: an operator, or a use of it, that onnx-tf lacks.
            BackendUnavailable: onnx-tf cannot be imported, or a recurrent model needs a fresh process.
        """
        from pytest_onnxaccel.backends.onnx_tf.load import load

        return load(path, options, self._device)


def from_text(given: str) -> OnnxTf:
    """Return the backend that :attr:`OnnxTf.reference` describes; called in a worker."""
    return OnnxTf(options=tuple((key, value) for key, value in json.loads(given)))
