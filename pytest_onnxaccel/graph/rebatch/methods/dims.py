"""Methods ``fixed`` and ``dims``: change what inputs, outputs and values in between declare, no more."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import ModelProto, ValueInfoProto

from pytest_onnxaccel.core.specs import Dim
from pytest_onnxaccel.graph.rebatch.batch_axis import cannot, dim_of, shape_of
from pytest_onnxaccel.graph.rebatch.survey import Survey, base_shape, forget_shapes


def fixed(model: ModelProto, found: Survey, n: int) -> list[str]:
    """Give the dynamic batch dimension the size *n*, wherever its symbol occurs.

    Raises:
        ModelError: the batch is a number already.
    """
    if found.batch.fixed:
        raise cannot(f"the batch is fixed at {found.batch.origin}, so there is no dynamic dimension to set")
    return set_dims(model, found, n)


def dims(model: ModelProto, found: Survey, n: int) -> list[str]:
    """Replace the fixed batch in the declared dimensions; constants inside the graph stay as they are.

    Raises:
        ModelError: the batch is dynamic.
    """
    if not found.batch.fixed:
        raise cannot(f"the batch is dynamic ({found.batch.origin or 'no size declared'}), so no number is to be edited")
    return set_dims(model, found, n)


def set_dims(model: ModelProto, found: Survey, n: int, inside: bool = True) -> list[str]:
    """Declare batch *n* on inputs and outputs.

    With *inside*, whatever else declares the old batch is corrected where the new shape is known, else
    opened.

    Returns:
        One line per changed input and output.
    """
    graph, edited = model.graph, []
    symbols = found.batch.symbols
    for value in graph.input:
        old = shape_of(value)
        if value.name not in found.batch.inputs or old is None:
            continue
        new: list[Dim] = [
            n if i == found.batch.axis(value.name) or (isinstance(d, str) and d in symbols) else d
            for i, d in enumerate(old)
        ]
        edited += declare(value, new, "input")
    for value in graph.output:
        edited += declare(value, output_shape(value, found, n), "output")
    if inside and (n != found.batch.size or not found.batch.fixed):
        _reopen(model, found, n)
    return edited


def _reopen(model: ModelProto, found: Survey, n: int) -> None:
    for value in model.graph.value_info:
        fact = found.facts.get(value.name)
        if fact is not None and fact.large is not None and n == found.n:
            declare(value, list(fact.large))
        elif value.type.HasField("tensor_type"):
            value.type.tensor_type.ClearField("shape")
    forget_shapes(model.graph)
    for function in model.functions:
        del function.value_info[:]


def output_shape(value: ValueInfoProto, found: Survey, n: int) -> Sequence[Dim] | None:
    """Return what the output must declare at batch *n*; None where its rank is open."""
    base, how = base_shape(value, found), found.joins[value.name]
    if base is None:
        return None
    if how["join"] == "same" or n == found.batch.size:
        return base
    if how["join"] == "stack":
        return None  # runs as it is, a graph may or may not add the axis: only copies of it know
    axis = int(how["axis"])
    shape: list[Dim] = list(base)
    if axis < len(shape):
        size = base[axis]
        shape[axis] = None if size is None else size * n // found.batch.size
    fact = found.facts.get(value.name)
    if fact is not None and len(fact.batch_axes) > 1:
        shape = [None if i in fact.batch_axes else d for i, d in enumerate(shape)]
    return shape


def declare(value: ValueInfoProto, shape: Sequence[Dim] | None, role: str = "") -> list[str]:
    """Let *value* declare *shape*; symbols stay where a size is None.

    Returns:
        A line that tells the change of an input or output, if there is one.
    """
    tensor = value.type.tensor_type
    old = shape_of(value)
    if not value.type.HasField("tensor_type") or old is None:
        return []
    if shape is None:
        tensor.ClearField("shape")
    else:
        kept = [dim_of(d) for d in tensor.shape.dim]
        tensor.ClearField("shape")
        tensor.shape.SetInParent()
        for i, size in enumerate(shape):
            dim = tensor.shape.dim.add()
            symbol = size if isinstance(size, str) else (kept[i] if i < len(kept) and size is None else None)
            if isinstance(size, int):
                dim.dim_value = size
            elif isinstance(symbol, str):
                dim.dim_param = symbol
    new = shape_of(value)
    return [f"{role} '{value.name}': {shown(old)} -> {shown(new)}"] if role and new != old else []


def shown(shape: Sequence[Dim] | None) -> str:
    """Return a shape for people: ``1x3x240x320``."""
    if shape is None:
        return "any shape"
    return "x".join("?" if d is None else str(d) for d in shape) or "scalar"
