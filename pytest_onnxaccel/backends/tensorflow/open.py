"""Opens a TensorFlow source of any kind, for the backend that runs it and for the converter that freezes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pytest_onnxaccel.core.specs import TensorSpec

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import LoadOptions

#: Kinds of sources, as :mod:`pytest_onnxaccel.convert.formats` calls them.
GRAPHDEF, SAVED_MODEL, CHECKPOINT, KERAS, KERAS_H5 = "graphdef", "saved_model", "checkpoint", "keras", "keras_h5"
TFLITE = "tflite"
KINDS = (GRAPHDEF, SAVED_MODEL, CHECKPOINT, KERAS, KERAS_H5, TFLITE)


class OpenSource(Protocol):
    """A source that has been looked through and loaded.

    Attributes:
        inputs, outputs: under the names that were asked for, else under the source's own.
        tensors: name of the tensor behind each of them, in the graph that ``frozen`` gives.
        way: how it runs.
    """

    notes: list[str]
    way: str

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...
    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...
    @property
    def tensors(self) -> dict[str, str]: ...

    def callable(self) -> Callable[..., list[Any]]:
        """Run one array per input in their order and return one per output."""
        ...

    def frozen(self) -> Any:
        """Freeze what the outputs need to a ``GraphDef``; None for a TensorFlow Lite file."""
        ...

    def close(self) -> None: ...


def open_tensorflow(
    path: str,
    kind: str,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    signature: str = "",
    options: LoadOptions | None = None,
    trusted: Collection[str] = (),
) -> OpenSource:
    """Open the source at *path*; TensorFlow is imported only after the file was checked.

    Args:
        path: the staged file or folder.
        kind: that of the source, see :mod:`pytest_onnxaccel.convert.formats`.
        inputs: names for a session to take; see :func:`.tensorflow_names.choose` for what a name
            means. Empty for what the source declares: a signature, a Keras model's layers, or placeholders and ends.
        outputs: names for a session to give, in the same way.
        signature: of a SavedModel or TensorFlow Lite file; empty for the default one.
        options: threads and graph optimizations; the defaults when None.
        trusted: what the owner of the model allows it to hold beyond what only computes: operators as
            ``tensorflow:MyOp``, patterns of classes of Keras' other packages as ``keras_hub.*``.

    Raises:
        ModelError: ``E_UNSAFE``: it holds what must not be loaded; ``E_PARSE``; ``E_SCHEMA``; ``V_CONTRACT``: the
            source lacks a name, or has an input or output that is not among the names.
        ConfigError: what its inputs or outputs are must be named.
        BackendUnavailable: TensorFlow cannot be imported.
    """
    if kind in (KERAS, KERAS_H5):
        from pytest_onnxaccel.backends.tensorflow.keras.open import open_keras

        return open_keras(path, inputs, outputs, trusted)
    if kind == TFLITE:
        from pytest_onnxaccel.backends.tensorflow.lite.session import open_lite

        return open_lite(path, signature, inputs, outputs, options)
    from pytest_onnxaccel.backends.tensorflow import graph

    if kind == SAVED_MODEL:
        return graph.open_saved_model(path, signature, inputs, outputs, options, trusted)
    opened = graph.open_checkpoint if kind == CHECKPOINT else graph.open_frozen
    return opened(path, inputs, outputs, options, trusted)
