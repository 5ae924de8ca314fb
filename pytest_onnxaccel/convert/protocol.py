"""What a converter is: it takes a staged source of some kinds and writes another kind into a folder.

A converter is asked for its availability in the pytest process, which must not import a framework for it, and converts
in a worker: that of the backend it names, whose interpreter has the framework.
:mod:`~pytest_onnxaccel.convert.registry` lists the converters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any, Protocol

from pytest_onnxaccel.backends.protocol import Availability
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import TensorSpec

#: A batch that stays open.
DYNAMIC = "dynamic"

#: How PyTorch exports.
EXPORTERS = ("dynamo", "torchscript")


@record(frozen=True)
class ConvertOptions:
    """What is asked of a conversion. All of it goes into the key of the cache.

    Attributes:
        stem: of the file's name, without a suffix.
        batch: samples that the result takes, :data:`DYNAMIC`, or None for what the source or *inputs* have.
        opset: of the ONNX file; None for the converter's default.
        exporter: of :data:`EXPORTERS`, for PyTorch; empty for the first of them that takes the source.
        inputs: names, dtypes and shapes to convert with, in the order of the source's arguments; empty where the
            source knows them. A fixed axis 0 is replaced by *batch*; free sizes must be given by the caller.
        outputs: names for the outputs, in the order of the source; empty for the converter's own.
        loader, import_paths, trusted: as for :class:`~pytest_onnxaccel.backends.protocol.SourceOptions`.
        signature: of a SavedModel; empty for the default one.
        device: where PyTorch exports; empty for the CPU.
        prepared: what the graph function :attr:`Converter.prepares` answered; None where there is none.
    """

    stem: str = "model"
    batch: int | str | None = None
    opset: int | None = None
    exporter: str = ""
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[str, ...] = ()
    loader: str = ""
    import_paths: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    signature: str = ""
    device: str = ""
    prepared: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ConvertOptions:
        values = {**data, "inputs": tuple(TensorSpec.from_json(spec) for spec in data["inputs"])}
        for name in ("outputs", "import_paths", "trusted"):
            values[name] = tuple(values[name])
        return cls(**values)


@record(frozen=True)
class Converted:
    """What a conversion wrote.

    Attributes:
        path: of the file, or of a SavedModel's folder, inside the folder that the converter was given.
        kind: of :data:`~pytest_onnxaccel.convert.formats.KINDS`.
        inputs, outputs: as the result declares them; for TensorFlow results the tensor names (``scores:0``).
        opset: of an ONNX result; 0 otherwise.
        notes: facts that qualify the result ("exported in eval mode, the module was training").
        facts: JSON facts for reports: exporter, versions, names.
    """

    path: str
    kind: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int = 0
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Converted:
        values = dict(data)
        for name in ("inputs", "outputs"):
            values[name] = tuple(TensorSpec.from_json(spec) for spec in values[name])
        values["notes"] = tuple(values["notes"])
        return cls(**values)


class Converter(Protocol):
    """Converts one family of sources.

    Attributes:
        name: as messages and results call it (``torch.onnx``).
        takes: kinds of sources.
        gives: kinds of results.
        backend: the registered backend in whose worker it runs; its environment is the converter's.

    Optional attributes, read where present: ``opsets``, those that it writes, so that a model is exported again at its
    own; ``devices``, whether it converts elsewhere than on the CPU; ``prepares``, the graph function that makes of an
    ONNX source, in a worker of this interpreter, the copy that ``convert`` is given (``legacy`` for onnx-tf).
    """

    @property
    def name(self) -> str: ...
    @property
    def takes(self) -> tuple[str, ...]: ...
    @property
    def gives(self) -> tuple[str, ...]: ...
    @property
    def backend(self) -> str: ...

    def availability(self) -> Availability:
        """Return whether it can be tried here, without importing a framework; ``versions`` key the cache."""
        ...

    def convert(self, source: str, kind: str, gives: str, folder: str, options: ConvertOptions) -> Converted:
        """Convert the staged *source* into the empty *folder*; called in the worker of :attr:`backend`.

        Args:
            source: path of the staged file or folder.
            kind: of *source*.
            gives: the kind that is wanted.
            folder: where the result is written.
            options: names, shapes, batch, opset and loader that were asked for.

        Raises:
            ConversionError: ``E_CONVERT``: an operator, an opset or a shape that it cannot take, by name.
            ModelError: ``E_UNSAFE``, ``E_PARSE``: the source must not, or cannot, be loaded.
            ConfigError: the loader cannot be used.
        """
        ...
