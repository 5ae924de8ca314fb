"""The float original, computing in the numbers of its quantised conversion. Runs in a worker, gives JSON.

Its constants are those that the conversion holds, its values are rounded to the steps that the conversion holds them
in, and each part is fed the right values, as the conversion's are: so a part that gives something else computes
something else, whatever its numbers lose.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.fold_batchnorm import fold_batchnorm, foldable
from pytest_onnxaccel.graph.precision.audit import against, counterpart, float_against, floats_in, in_another_order
from pytest_onnxaccel.graph.precision.operators import written_by
from pytest_onnxaccel.graph.precision.quantised import Quantised, scales_of
from pytest_onnxaccel.graph.precision.steps import Written
from pytest_onnxaccel.graph.probe.anatomy import captured
from pytest_onnxaccel.graph.probe.expose import declared, write_beside
from pytest_onnxaccel.graph.rebatch_files import read_whole
from pytest_onnxaccel.graph.upgrade import opset_of

#: Behind the name of a value: the input that takes its place for all who read it, and what it is in those numbers.
_FED, _SHOWN = "__same_fed", "__same_shown"
#: The oldest opset whose Round and Clip do it.
_OPSET = 11


def same_numbers(
    candidate: str,
    reference: str,
    target: str,
    values: Mapping[str, Sequence[object]],
    cuts: Mapping[str, str],
    whole: Collection[str],
) -> dict[str, Any]:
    """Write the model at *reference* to *target*, computing in the numbers of the one at *candidate*.

    Args:
        candidate: path of the quantised model.
        reference: path of its float original.
        target: path that is written.
        values: ``[element type as NumPy names it, shape]`` of the right values, by the original's name.
        cuts: the candidate's own values, by the name of the original's that belong there.
        whole: those of them that are fed in whole numbers; the others are fed as they are.

    Returns:
        By value of *cuts* that can be judged: ``fed`` (inputs by value), ``shown`` (outputs by value), and ``steps``:
        the step that each is held in, 0 where it is a float. A value is left out where a constant on the way to it is
        not known to be the original's, or where the conversion rounds values that the original does not have.

    Raises:
        ModelError: ``E_CONVERT``: the opset is too old; as :func:`~pytest_onnxaccel.graph.rebatch_files.read_whole`.
    """
    quantised, original = Quantised(read_whole(candidate)), ModelProto()
    original.CopyFrom(read_whole(reference))
    if opset_of(original) < _OPSET:
        raise ModelError(f"opset {opset_of(original)}", code="E_CONVERT")
    if foldable(original) and not any(node.op_type == "BatchNormalization" for node in quantised.graph.node):
        original = fold_batchnorm(original)
    known = _constants(quantised, original)
    graph = original.graph
    makers = {name: node for node in graph.node for name in node.output if name}
    dynamic = {n.input[0] for n in quantised.graph.node if n.op_type == "DynamicQuantizeLinear"}
    inputs = {value.name for value in graph.input}
    fed = {name for name in values if (name in cuts and name in {*makers, *inputs}) or name in dynamic & inputs}
    held = {name: one for name, one in quantised.written().items() if name in fed}
    judged = [
        name
        for name, own in cuts.items()
        if name in fed
        and _all_known(own, quantised.makers, {*cuts.values(), *inputs}, known)
        and not _rounds_inside(own, quantised.makers, {*cuts.values(), *inputs}, name in held)
    ]
    read = {name for node in graph.node for name in (*node.input, *captured(node))}
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = name + _FED if name in fed else name
    given, shown = {}, {}
    front: list[NodeProto] = []
    for name in sorted(fed):
        dtype, shape = values[name]
        assert isinstance(shape, Sequence)
        declaration = [None, dtype, [int(size) for size in shape]]
        if name in read:
            given[name] = f"{name}{_FED}_float"
            graph.input.append(declared(given[name], declaration, None))
            steps = held.get(name) if name in whole else None
            front += _rounded(graph, given[name], name + _FED, steps, name in dynamic)
        if name in judged and name in makers:
            shown[name] = name + _SHOWN
            graph.node.extend(_rounded(graph, name, shown[name], held.get(name), False))
            graph.output.append(declared(shown[name], declaration, None))
    nodes = [*front, *(NodeProto.FromString(node.SerializeToString()) for node in graph.node)]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.ClearField("value_info")
    write_beside(original, reference, target)
    return {"fed": given, "shown": shown, "steps": {name: held[name].step if name in held else 0.0 for name in shown}}


def _constants(quantised: Quantised, original: ModelProto) -> set[str]:
    """Give *original* the constants of *quantised*, and return the names of those in *quantised* that are its.

    What *quantised* lacks stays as it is: its numbers do the work of the bounds of a Clip, or the constant is lost.
    """
    floats = floats_in(original)
    made: dict[str, Any] = {}
    ours: set[str] = set(scales_of(quantised))
    for held in quantised.held():
        known = counterpart(held, floats)
        if known is None:
            continue
        what = against(held, floats)
        if what == "":
            made[known.name] = held.value.T if known.turned else held.value
        elif what is None and in_another_order(held, known):
            made[known.name] = floats[known.name]  # what the order is for shows where it is read
        else:
            continue
        ours.add(held.name)
    for name, value in floats_in(quantised.model).items():
        if name in floats and floats[name].shape == value.shape and not float_against(value, floats[name]):
            ours.add(name)
            made.setdefault(name, value)
    for tensor in original.graph.initializer:
        if tensor.name in made:
            content = np.asarray(made[tensor.name], numpy_helper.to_array(tensor).dtype)
            tensor.CopyFrom(numpy_helper.from_array(content, tensor.name))
    return ours | _whole(quantised.graph)


def _whole(graph: GraphProto) -> set[str]:
    """Return the names of constants of 64-bit and truth values: shapes, axes and the like."""
    kinds = (TensorProto.INT64, TensorProto.BOOL)
    held = {tensor.name for tensor in graph.initializer if tensor.data_type in kinds}
    made = {
        name for node in graph.node if node.op_type == "Constant" for name in node.output
        if not any(item.name == "value" and item.t.data_type not in kinds for item in node.attribute)
    }  # fmt: skip
    return held | made


def _all_known(name: str, makers: Mapping[str, NodeProto], ends: Collection[str], known: Collection[str]) -> bool:
    """Return whether all constants on the way from values at the *ends* to *name* are *known*."""
    waiting, seen = [name], {name}
    while waiting:
        maker = makers.get(waiting.pop())
        if maker is None or maker.op_type == "Constant":
            continue
        for each in (*maker.input, *captured(maker)):
            if not each or each in seen or each in known or each in ends:
                continue
            seen.add(each)
            if each not in makers or makers[each].op_type == "Constant":
                return False
            waiting.append(each)
    return True


def _rounds_inside(name: str, makers: Mapping[str, NodeProto], ends: Collection[str], held: bool) -> bool:
    """Return whether numbers are rounded on the way from *ends* to *name*, but for *name* itself where it is *held*."""
    waiting, seen = [(name, not held)], {name}
    while waiting:
        value, rounded = waiting.pop()
        maker = makers.get(value)
        if maker is None:
            continue
        if maker.op_type == "DynamicQuantizeLinear" and maker.input[0] not in ends:
            return True
        writes = written_by(maker) is not None
        if writes and rounded:
            return True
        for each in maker.input:
            if each and each not in seen and each not in ends:
                seen.add(each)
                waiting.append((each, rounded or writes))
    return False


def _rounded(graph: GraphProto, name: str, to: str, held: Written | None, dynamic: bool) -> Iterator[NodeProto]:
    """Yield nodes that give *to*, value *name* rounded to the steps that it is held in."""
    node = helper.make_node
    if dynamic and held is None:
        parts = [f"{to}_{part}" for part in ("whole", "step", "zero")]
        yield node("DynamicQuantizeLinear", [name], parts, name=f"{to}_q")
        yield node("DequantizeLinear", parts, [to], name=to)
        return
    if held is None:
        yield node("Identity", [name], [to], name=to)
        return
    numbers = {"step": held.step, "low": held.low, "high": held.high}
    names = {part: f"{to}_{part}" for part in numbers}
    graph.initializer.extend(
        numpy_helper.from_array(np.array(numbers[part], np.float32), names[part]) for part in numbers
    )
    yield node("Div", [name, names["step"]], [f"{to}_a"], name=f"{to}_a")
    yield node("Round", [f"{to}_a"], [f"{to}_b"], name=f"{to}_b")
    yield node("Clip", [f"{to}_b", names["low"], names["high"]], [f"{to}_c"], name=f"{to}_c")
    yield node("Mul", [f"{to}_c", names["step"]], [to], name=to)
