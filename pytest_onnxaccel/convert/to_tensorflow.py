"""ONNX to TensorFlow through onnx-tf, in its own interpreter: a SavedModel or a frozen graph."""

from __future__ import annotations

import os

from pytest_onnxaccel.backends.onnx_tf.backend import OnnxTf
from pytest_onnxaccel.backends.protocol import Availability
from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.convert.protocol import Converted, ConvertOptions
from pytest_onnxaccel.core.errors import ConfigError, ConversionError, ModelError
from pytest_onnxaccel.core.specs import TensorSpec


class OnnxTensorflow:
    """The converter ``onnx-tf``, given the copy of the model that :mod:`~pytest_onnxaccel.graph.onnx_tf_copy` wrote.

    Inputs and outputs have the names of the ONNX model: a tensor ``scores`` is ``scores:0`` in a frozen graph, and the
    key ``scores`` of a SavedModel's signature. ``facts["tensors"]`` has the tensor of each, also of those whose names
    TensorFlow does not take.
    """

    name = "onnx-tf"
    takes = (kinds.ONNX,)
    gives = (kinds.SAVED_MODEL, kinds.GRAPHDEF)
    backend = "onnx-tf"
    prepares = "legacy"

    def availability(self) -> Availability:
        """Return whether the isolated environment is there."""
        return OnnxTf().availability()

    def convert(self, source: str, kind: str, gives: str, folder: str, options: ConvertOptions) -> Converted:
        """Convert the prepared copy at *source*; see :class:`~pytest_onnxaccel.convert.protocol.Converter`.

        Raises:
            ConversionError: ``E_CONVERT``: an operator that onnx-tf lacks, or cannot take at this opset, by name.
            ConfigError: what only the export of the model itself can give was asked for.
        """
        from pytest_onnxaccel.backends.onnx_tf.export import export

        if options.batch is not None:
            raise ConfigError(
                "onnx-tf keeps the batch of the ONNX file", remedy="freeze that one: python -m pytest_onnxaccel freeze"
            )
        if options.prepared is None:
            raise ConfigError(
                "onnx-tf takes only a prepared copy", remedy="convert through pytest_onnxaccel.convert_source"
            )
        inputs, outputs = options.prepared["inputs"], options.prepared["outputs"]
        path = os.path.join(folder, f"{options.stem}.pb" if gives == kinds.GRAPHDEF else options.stem)
        try:
            made = export(source, path, gives, inputs, outputs)
        except ModelError as error:
            if error.code != "E_SCHEMA":
                raise
            raise ConversionError(
                error.cause, remedy="rebuild the model without it, or compare it with another backend"
            ) from error

        def specs(names: list[str]) -> tuple[TensorSpec, ...]:
            return tuple(
                TensorSpec(
                    made["tensors"][name] if gives == kinds.GRAPHDEF else name,
                    made["dtypes"][name],
                    None if made["shapes"][name] is None else tuple(made["shapes"][name]),
                )
                for name in names
            )

        return Converted(
            path,
            gives,
            specs(list(inputs.values())),
            specs(list(outputs.values())),
            notes=(*options.prepared["notes"], *made["notes"]),
            facts={"tensors": made["tensors"], "versions": made["versions"]},
        )
