"""Where a model keeps its batch: axis 0 of every input that a caller must feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from onnx import GraphProto, TensorShapeProto, ValueInfoProto

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import Dim


@record(frozen=True)
class Batch:
    """The batch of a model as it stands.

    Attributes:
        inputs: names of the inputs to feed, in the declared order.
        size: samples that one run of the original takes; 1 where the batch is dynamic.
        origin: the declared dimension: a number, a symbol, or None when it is left open.
        symbols: every symbol that stands for the batch.
        axes: its axis by input, where that is not 0.
        shared: inputs that carry no batch: every sample is run with them.
    """

    inputs: tuple[str, ...]
    size: int
    origin: Dim
    symbols: frozenset[str] = frozenset()
    axes: Mapping[str, int] = field(default_factory=dict)
    shared: tuple[str, ...] = ()

    def axis(self, name: str) -> int:
        """Return the axis of the batch of input *name*."""
        return self.axes.get(name, 0)

    @property
    def leads(self) -> bool:
        """It is axis 0 of every input."""
        return not any(self.axes.values())

    @property
    def fixed(self) -> bool:
        return isinstance(self.origin, int)


def cannot(cause: str, remedy: str = "") -> ModelError:
    """Return the error of a model, or of one method, that cannot be re-frozen."""
    return ModelError(cause, code="V_BATCH", remedy=remedy)


def dim_of(dim: TensorShapeProto.Dimension) -> Dim:
    """Return the size, the symbol or None; a negative size is an old way to say None."""
    if dim.HasField("dim_value"):
        return dim.dim_value if dim.dim_value >= 0 else None
    return dim.dim_param or None


def shape_of(value: ValueInfoProto) -> tuple[Dim, ...] | None:
    """Return declared shape of a dense tensor; None when the rank is open or the value is not a dense tensor."""
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        return None
    return tuple(dim_of(d) for d in value.type.tensor_type.shape.dim)


def fed_inputs(graph: GraphProto) -> list[ValueInfoProto]:
    """Return the inputs that no initializer gives a value to."""
    given = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    return [value for value in graph.input if value.name not in given]


def find_batch(graph: GraphProto, axes: Mapping[str, int] | None = None) -> Batch:
    """Return the batch that all inputs share.

    Args:
        graph: the main graph.
        axes: its axis by input; inputs that are missing carry none. Without it, axis 0 of every input.

    Raises:
        ModelError: there is no input, an input is not a dense tensor, declares no rank or has rank 0, or the
            inputs disagree on their axis (code ``V_BATCH``); the message names them.
    """
    inputs = fed_inputs(graph)
    if not inputs:
        raise cannot("the model takes no inputs, so it has no batch")
    if axes:
        return _placed(inputs, axes)
    dims: dict[str, Dim] = {}
    for value in inputs:
        if not value.type.HasField("tensor_type"):
            raise cannot(f"input '{value.name}' is not a dense tensor, so it has no batch axis")
        shape = shape_of(value)
        if shape is None:
            raise cannot(f"input '{value.name}' declares no shape, so its batch axis is unknown")
        if not shape:
            raise cannot(f"input '{value.name}' has rank 0, so it has no batch axis")
        dims[value.name] = shape[0]
    known = {d for d in dims.values() if d is not None}
    if len(known) > 1:
        listed = ", ".join(f"'{name}' has {'?' if d is None else d}" for name, d in dims.items())
        raise cannot(f"the inputs disagree on axis 0: {listed}")
    origin = known.pop() if known else None
    if origin == 0:
        raise cannot("the inputs have batch 0, so there is no sample to repeat")
    if isinstance(origin, int):
        return Batch(tuple(dims), origin, origin)
    return Batch(tuple(dims), 1, origin, frozenset([origin] if origin else []))


def _placed(inputs: Sequence[ValueInfoProto], axes: Mapping[str, int]) -> Batch:
    """Return the batch where it was found to be."""
    dims: dict[str, Dim] = {}
    for value in inputs:
        if value.name in axes:
            shape = shape_of(value) or ()
            if axes[value.name] >= len(shape):
                raise cannot(f"input '{value.name}' has no axis {axes[value.name]}, so it has no batch there")
            dims[value.name] = shape[axes[value.name]]
    sizes = {d for d in dims.values() if isinstance(d, int)}
    if len(sizes) > 1 or (sizes and len(dims) > 1 and any(not isinstance(d, int) for d in dims.values())):
        listed = ", ".join(f"'{name}' has {'?' if d is None else d}" for name, d in dims.items())
        raise cannot(f"the inputs disagree on their batch: {listed}")
    shared = tuple(value.name for value in inputs if value.name not in axes)
    moved = {name: axis for name, axis in axes.items() if axis}
    if sizes:
        size = sizes.pop()
        if size == 0:
            raise cannot("the inputs have batch 0, so there is no sample to repeat")
        return Batch(tuple(dims), size, size, axes=moved, shared=shared)
    symbols = frozenset(d for d in dims.values() if isinstance(d, str))
    return Batch(tuple(dims), 1, next(iter(symbols), None), symbols, moved, shared)
