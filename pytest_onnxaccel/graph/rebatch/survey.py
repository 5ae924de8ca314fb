"""Survey a model between two batch sizes: what holds the batch, which edits free it, how outputs carry it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, inliner, numpy_helper

from pytest_onnxaccel.core.errors import ModelError, printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.rebatch.batch_axis import Batch, cannot, find_batch, shape_of
from pytest_onnxaccel.graph.rebatch.edits import Edit, Edits, Hold
from pytest_onnxaccel.graph.rebatch.facts import UNKNOWN, Fact
from pytest_onnxaccel.graph.rebatch.join import Join, concat, same, stack
from pytest_onnxaccel.graph.rebatch.walker import Walker


@record(frozen=True)
class Survey:
    """What a survey found.

    Attributes:
        model: the surveyed model, with its local functions inlined; edits refer to its nodes.
        facts: what is known of each value of the main graph.
        joins: how N results of each output become one.
    """

    model: ModelProto
    batch: Batch
    n: int
    facts: dict[str, Fact]
    edits: tuple[Edit, ...]
    holds: tuple[Hold, ...]
    joins: dict[str, Join]

    @property
    def blocked(self) -> tuple[Hold, ...]:
        """Holds that no edit of constants frees."""
        return tuple(h for h in self.holds if h.blocks)


def survey(model: ModelProto, n: int | None = None, axes: Mapping[str, int] | None = None) -> Survey:
    """Follow the batch of *model* from its own size to *n* (any other size when None or equal).

    The model is not changed.

    Args:
        model: the model, with its constants.
        n: the other batch.
        axes: as :func:`~pytest_onnxaccel.graph.rebatch.batch_axis.find_batch` takes them.

    Raises:
        ModelError: the inputs have no common batch on axis 0, or an output is not a tensor (``V_BATCH``).
    """
    batch = find_batch(model.graph, axes)
    for value in model.graph.output:
        if value.type.WhichOneof("value") not in (None, "tensor_type"):
            raise cannot(f"output '{value.name}' is not a dense tensor, so results of several samples do not join")
    # The same size twice tells nothing; 7 times is not a size that a merged axis has by chance
    other = batch.size * 7 if n is None or n == batch.size else n
    if model.functions:
        try:
            model = inliner.inline_local_functions(model)
        except Exception as error:
            cause = f"its local functions cannot be inlined: {printable(str(error), 120)}"
            raise ModelError(cause, code="E_GRAPH") from error
    graph = model.graph
    edits = Edits(batch.size, other)
    declared = {v.name: shape_of(v) or () for v in [*graph.value_info, *graph.output]}
    walker = Walker(edits, list(model.opset_import), declared)
    formals = {v.name: _formal(v, batch, other) for v in graph.input if v.name in (*batch.inputs, *batch.shared)}
    facts = walker.graph(graph, formals, {})
    joins = {v.name: _join(v, facts.get(v.name, UNKNOWN), batch) for v in graph.output}
    return Survey(model, batch, other, facts, tuple(edits.edits), tuple(edits.holds), joins)


def quick_survey(model: ModelProto, n: int, axes: Mapping[str, int] | None = None) -> Survey:
    """Return what the declarations and the targets of Reshapes alone say: axis 0 is the batch. Cheap; a proof tells.

    Raises:
        ModelError: ``V_BATCH``: the batch is not fixed, an output declares another size on axis 0, or a constant that
            is not a Reshape's target may hold the batch.
    """
    batch = find_batch(model.graph, axes)
    if not batch.leads:
        raise cannot("the batch is not axis 0 of every input")
    joins: dict[str, Join] = {}
    for value in model.graph.output:
        shape = shape_of(value)
        if not batch.fixed or not shape or shape[0] != batch.size:
            raise cannot(f"output '{value.name}' does not declare the batch on axis 0")
        joins[value.name] = concat(0)
    edits = Edits(batch.size, n)
    held = {name: sizes for name, sizes in _lists_of_sizes(model.graph) if sizes[0] == batch.size}
    for node in model.graph.node:
        for slot, name in enumerate(node.input):
            if name not in held:
                continue
            if node.op_type != "Reshape" or slot != 1:
                raise cannot("a constant may hold the batch")
            edits.set_value(node, slot, held[name], [n, *held[name][1:]], np.int64)
    return Survey(model, batch, n, {}, tuple(edits.edits), (), joins)


def _lists_of_sizes(graph: GraphProto) -> Iterator[tuple[str, list[int]]]:
    """Yield constants by name that may be shapes.

    Raises:
        ModelError: the values of one are in another file.
    """
    constants = [(tensor.name, tensor) for tensor in graph.initializer]
    for node in graph.node:
        if node.op_type == "Constant":
            constants += [(node.output[0], item.t) for item in node.attribute if item.name == "value"]
    for name, tensor in constants:
        if tensor.data_type != TensorProto.INT64 or len(tensor.dims) != 1 or tensor.dims[0] < 2:
            continue
        if tensor.data_location == TensorProto.EXTERNAL:
            raise cannot(f"constant '{name}', which is in another file, may hold the batch")
        yield name, numpy_helper.to_array(tensor).tolist()


def _formal(value: ValueInfoProto, batch: Batch, n: int) -> Fact:
    """Return a fed input: its batch axis, and every axis with the batch's symbol, has the two sizes."""
    small: list[int | None] = []
    large: list[int | None] = []
    for axis, dim in enumerate(shape_of(value) or ()):
        own = value.name in batch.inputs and axis == batch.axis(value.name)
        carries = own or (isinstance(dim, str) and dim in batch.symbols)
        size = dim if isinstance(dim, int) else None
        small.append(batch.size if carries else size)
        large.append(n if carries else size)
    return Fact(value.type.tensor_type.elem_type, tuple(small), tuple(large), fed=True)


def _join(value: ValueInfoProto, fact: Fact, batch: Batch) -> Join:
    if fact.batch_axes:
        return concat(fact.batch_axes[0])
    if fact.small is not None and fact.large is not None and not fact.fed:
        return same()
    shape = fact.small if fact.small is not None else shape_of(value)
    if shape is None:
        return concat(0)
    # The batch cannot be followed to this output: its name in the declaration tells, or else a leading axis of its size
    named = [axis for axis, dim in enumerate(shape_of(value) or ()) if isinstance(dim, str) and dim in batch.symbols]
    if len(named) == 1:
        return concat(named[0])
    leads = bool(shape) and (shape[0] == batch.size or not isinstance(shape[0], int))
    return {**concat(0), "guessed": True} if leads else stack()


def base_shape(value: ValueInfoProto, found: Survey) -> list[int | None] | None:
    """Return the shape of an output of the original at its own batch, from the survey or the declaration."""
    fact = found.facts.get(value.name, UNKNOWN)
    if fact.small is not None:
        return list(fact.small)
    shape = shape_of(value)
    if shape is None:
        return None
    symbols = found.batch.symbols
    return [d if isinstance(d, int) else (found.batch.size if d in symbols else None) for d in shape]


def forget_shapes(graph: GraphProto) -> None:
    """Open all sizes that the subgraphs of *graph* declare: they may hold the old batch."""
    for node in graph.node:
        for item in node.attribute:
            for body in [*([item.g] if item.HasField("g") else []), *item.graphs]:
                for value in [*body.input, *body.output, *body.value_info]:
                    for dim in value.type.tensor_type.shape.dim:
                        dim.Clear()
                forget_shapes(body)
