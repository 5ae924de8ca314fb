"""Inputs of a conversion as people write them: ``NAME:DTYPE:SHAPE``, or names alone as tf2onnx takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_onnxaccel.core.dims import is_expression
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.specs import TensorSpec

_INPUT = re.compile(r"(?P<name>.+?):(?P<dtype>\w+):(?P<shape>scalar|[\w?]+(?:[x,][\w?+*/ -]+)*)", re.ASCII)
#: ``X:0``, ``scope/op:1[1,28,28]``; a size of -1 stays open.
_NAME = re.compile(r"(?P<name>[^:,\[\]\s]+(?::\d+)?)(?:\[(?P<shape>-?\d+(?:,-?\d+)*)?\])?", re.ASCII)
_REMEDY = (
    "write NAME:DTYPE:SHAPE, such as input:float32:1x3x240x320 or input_ids:int64:batchxsequence, "
    "or names of tensors: X:0,X1:0"
)


def input_specs(inputs: Sequence[str | TensorSpec]) -> tuple[TensorSpec, ...]:
    """Return *inputs* as specs; a text gives one (:func:`input_spec`), or one for each name in it.

    Raises:
        ConfigError: a text is of neither form, or a name is given twice.
    """
    found = [spec for one in inputs for spec in ([one] if isinstance(one, TensorSpec) else _specs(one))]
    names = [spec.name for spec in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"input {twice!r} is given twice", remedy="name each input once")
    return tuple(found)


def _specs(text: str) -> Iterator[TensorSpec]:
    parts = re.split(r",(?![^\[]*\])", text)
    named = [_NAME.fullmatch(part.strip()) for part in parts]
    if _INPUT.fullmatch(text) or not all(named):
        yield input_spec(text)
        return
    for match in filter(None, named):
        shape = None
        if match[0].endswith("]"):
            sizes = [int(size) for size in (match["shape"] or "").split(",") if size]
            if any(size < -1 or size == 0 for size in sizes):
                raise ConfigError(f"{match[0]!r} has a size that is not one", remedy="write -1 for what stays open")
            shape = tuple(None if size == -1 else size for size in sizes)
        yield TensorSpec(match["name"], "", shape)


def input_spec(text: str) -> TensorSpec:
    """Return ``NAME:DTYPE:SHAPE`` as a spec; a size that is not a number is a name and stays open.

    Sizes are separated by ``x``, or by commas, which let names hold an ``x`` and sizes follow from others:
    ``attention_mask:int64:batch,past+sequence``.

    Raises:
        ConfigError: it is not of that form.
    """
    match = _INPUT.fullmatch(text)
    if match is None:
        raise ConfigError(f"{text!r} is not an input", remedy=_REMEDY)
    shape = match["shape"]
    parts = [] if shape == "scalar" else [part.strip() for part in shape.split("," if "," in shape else "x")]
    sizes = tuple(int(part) if part.isdecimal() else None if part == "?" else part for part in parts)
    wrong = next((size for size in sizes if size in ("", 0) or (isinstance(size, str) and not _is_size(size))), None)
    if wrong is not None:
        raise ConfigError(
            f"{text!r}: {str(wrong)!r} is not a size",
            remedy="write a positive number, a name or a sum of names; separate sizes by commas where a name has an x",
        )
    return TensorSpec(match["name"], match["dtype"], sizes)


def _is_size(text: str) -> bool:
    return text.isidentifier() or is_expression(text)
