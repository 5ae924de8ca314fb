"""The converters, by what they take and give. Nothing is imported before it is used."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.convert.protocol import Converter
from pytest_onnxaccel.core.errors import ConversionError


class Row(NamedTuple):
    """One converter: from any of *takes* to any of *gives*, by the class at *reference* (``module:name``)."""

    takes: tuple[str, ...]
    gives: tuple[str, ...]
    reference: str


CONVERTERS: tuple[Row, ...] = (
    Row(
        (kinds.TORCH, kinds.TORCHSCRIPT, kinds.EXPORTED),
        (kinds.ONNX,),
        "pytest_onnxaccel.convert.from_pytorch.converter:TorchOnnx",
    ),
    Row(
        (kinds.GRAPHDEF, kinds.SAVED_MODEL, kinds.CHECKPOINT, kinds.KERAS, kinds.KERAS_H5, kinds.TFLITE),
        (kinds.ONNX,),
        "pytest_onnxaccel.convert.from_tensorflow.converter:TensorflowOnnx",
    ),
    Row(
        (kinds.ONNX,),
        (kinds.SAVED_MODEL, kinds.GRAPHDEF),
        "pytest_onnxaccel.convert.to_tensorflow:OnnxTensorflow",
    ),
)


def route(kind: str, gives: str = kinds.ONNX) -> str:
    """Return reference of the converter from *kind* to *gives*.

    Raises:
        ConversionError: there is none.
    """
    for row in CONVERTERS:
        if kind in row.takes and gives in row.gives:
            return row.reference
    wanted = kinds.KINDS[gives]
    raise ConversionError(f"{kinds.KINDS[kind]} cannot be converted to {wanted}", remedy="see docs/conversions.md")


def make(reference: str) -> Converter:
    """Return the converter at *reference*."""
    module, _, name = reference.partition(":")
    made: Converter = getattr(import_module(module), name)()
    return made
