"""Does a conversion to float16 or bfloat16 hold the constants of its original, rounded: arithmetic, without a run.

A conversion changes types and adds casts; its nodes stay what they were, one by one, and each constant is the
original's to a step of the narrow type. So a weight that is off is proven, also where the noise of that type hides
what it does to the outputs. Graphs whose nodes are others (layers folded, operators rewritten) are not compared, nor
are those of which most constants differ: they were trained or balanced again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.graph.precision.operators import label
from pytest_onnxaccel.graph.rebatch_files import read_whole

_TYPES = {"float16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16}
_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
#: What only passes values on, and may be added or taken away by a conversion.
_PASSING = ("Cast", "Identity", "Constant")
#: So many steps a constant may be off: rounding is half of one, the other way half more.
_STEPS = 1.25
#: Converters cut numbers off at this, and make those smaller than the other this large (onnxconverter-common).
_LARGE, _TINY = 1e4, 1e-7
#: Up to this share of nodes, and one, may be others in a graph that is still the same one.
_FEW = 0.05
#: Attributes that no conversion of types changes.
_PLAIN = (AttributeProto.INT, AttributeProto.INTS, AttributeProto.FLOAT, AttributeProto.FLOATS, AttributeProto.STRING)
_NUMBERS = (AttributeProto.FLOAT, AttributeProto.FLOATS)
#: Past this share of constants that are off, all were made anew.
_ANEW = 0.5


def kept_constants(candidate: str, reference: str, dtype: str) -> dict[str, Any]:
    """Compare the constants of the model at *candidate* with those of the one at *reference*, rounded to *dtype*.

    Args:
        candidate: path of the conversion.
        reference: path of its original.
        dtype: ``float16`` or ``bfloat16``.

    Returns:
        ``faults``: each with ``node`` (in words), ``name`` of the constant, and ``text``. ``judged``: how many
        constants were compared; 0 where the graphs are not the same node by node. ``others``: nodes that are other
        ones at the same place, where there are few: each with ``node`` and ``text``.

    Raises:
        ModelError: as :func:`~pytest_onnxaccel.graph.rebatch_files.read_whole`.
    """
    ours, theirs = Nodes(read_whole(candidate)), Nodes(read_whole(reference))
    ours.order_as(theirs)
    faults: list[dict[str, str]] = []
    judged = 0
    others = _others(ours, theirs, dtype)
    if dtype not in _TYPES or others is None or others:
        return {"faults": faults, "judged": judged, "others": others or []}
    seen: set[tuple[str, str]] = set()
    for node, name, value, other, original in _pairs(ours, theirs):
        if value.shape != original.shape or value.size == 0 or (name, other) in seen:
            continue
        seen.add((name, other))
        judged += 1
        off = _off(value, original, dtype)
        if (off > _STEPS).any():
            faults.append({"node": label(node), "name": name, "text": _told(value, original, off)})
    if len(faults) > _ANEW * judged:
        faults = []
    return {"faults": faults, "judged": judged, "others": []}


def _others(ours: Nodes, theirs: Nodes, dtype: str) -> list[dict[str, str]] | None:
    """Return nodes that are of another operator, or of other attributes, in the original; None where most are."""
    found = exchanged_nodes(ours, theirs, dtype)
    return None if found is None else [{"node": label(node), "text": text} for node, _, text in found]


def exchanged_nodes(ours: Nodes, theirs: Nodes, dtype: str) -> list[tuple[NodeProto, NodeProto, str]] | None:
    """Return what stands at one place in both graphs and is not the same: the nodes, and how they differ.

    Args:
        ours: of the conversion, in the order of the other's.
        theirs: of its original.
        dtype: of the conversion, to whose step numbers in attributes may be rounded.

    Returns:
        None where the graphs are not the same, node by node, but for a few.
    """
    if len(ours.nodes) != len(theirs.nodes):
        return None
    found = []
    for node, other in zip(ours.nodes, theirs.nodes, strict=True):
        if node.op_type != other.op_type:
            found.append((node, other, f"{node.op_type} instead of {other.op_type}"))
            continue
        mine, original = ({a.name: a for a in one.attribute if a.type in _PLAIN} for one in (node, other))
        names = sorted(n for n in mine.keys() & original.keys() if not _same(mine[n], original[n], dtype))
        if names:
            found.append((node, other, f"another {', '.join(names)} than in the original"))
    return found if len(found) <= _FEW * len(ours.nodes) + 1 else None


def _same(mine: AttributeProto, original: AttributeProto, dtype: str) -> bool:
    """Return whether both attributes say the same; numbers may be rounded to *dtype*."""
    if mine.SerializeToString(deterministic=True) == original.SerializeToString(deterministic=True):
        return True
    if mine.type != original.type or mine.type not in _NUMBERS or dtype not in _TYPES:
        return False
    one, other = (np.atleast_1d(np.asarray(helper.get_attribute_value(a), np.float64)) for a in (mine, original))
    return one.shape == other.shape and not (_off(one, other, dtype) > _STEPS).any()


class Nodes:
    """Nodes of a graph that compute, and its constants.

    Attributes:
        nodes: those of the graph itself, not copies.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self.nodes = [node for node in graph.node if node.op_type not in _PASSING]
        self._tensors = {t.name: t for t in graph.initializer if t.data_type in _FLOATS}
        self._passed = {node.output[0]: node.input[0] for node in graph.node if node.op_type in ("Cast", "Identity")}
        for node in graph.node:
            for item in node.attribute if node.op_type == "Constant" else ():
                if item.name == "value" and item.t.data_type in _FLOATS:
                    self._tensors[node.output[0]] = item.t

    def order_as(self, other: Nodes) -> None:
        """Put the nodes in the order of *other*'s where their names tell it: a tool may have sorted the graph again."""
        named = {node.name: node for node in self.nodes if node.name}
        names = [node.name for node in other.nodes]
        if len(named) == len(self.nodes) == len(names) and set(names) == set(named):
            self.nodes = [named[name] for name in names]

    def constant(self, name: str) -> tuple[str, Any] | None:
        """Return the name and the content, in float64, of the constant that *name* holds or is cast from."""
        steps = len(self._passed) + 1
        while name in self._passed and steps:
            name, steps = self._passed[name], steps - 1
        tensor = self._tensors.get(name)
        return None if tensor is None else (name, numpy_helper.to_array(tensor).astype(np.float64))


def _pairs(ours: Nodes, theirs: Nodes) -> Iterator[tuple[NodeProto, str, Any, str, Any]]:
    for node, other in zip(ours.nodes, theirs.nodes, strict=True):
        for name, counterpart in zip(node.input, other.input, strict=False):
            mine, original = ours.constant(name), theirs.constant(counterpart)
            if mine is not None and original is not None:
                yield node, *mine, *original


def _off(value: Any, original: Any, dtype: str) -> Any:
    """Return how many steps of *dtype* each number is off what it should be."""
    narrow = helper.tensor_dtype_to_np_dtype(_TYPES[dtype])
    info = np.finfo(np.float16) if dtype == "float16" else None
    digits = 2.0**-7 if info is None else float(info.eps)
    least = float(np.finfo(np.float32).tiny) if info is None else float(info.smallest_subnormal)
    with np.errstate(over="ignore", invalid="ignore"):
        right = original.astype(np.float32).astype(narrow).astype(np.float64)
    step = np.maximum(np.exp2(np.floor(np.log2(np.maximum(np.abs(original), least)))) * digits, least)
    off = np.abs(value - original) / step
    off = np.where(value == right, 0.0, off)
    cut = (np.abs(original) >= _LARGE) & (value * original > 0) & (np.abs(value) >= _LARGE)
    raised = (np.abs(original) < _TINY) & (np.abs(value) <= 2 * _TINY)
    return np.where(cut | raised | (np.isnan(value) & np.isnan(original)), 0.0, off)


def _told(value: Any, original: Any, off: Any) -> str:
    """Return how the constant is off, and where it is most."""
    count = int((off > _STEPS).sum())
    worst = np.unravel_index(int(np.nanargmax(np.where(np.isfinite(off), off, np.inf))), off.shape)
    place = f" at {[int(i) for i in worst]}" if off.ndim else ""
    share = f"{count} of {off.size} values are not" if off.size > 1 else "it is not"
    return f"{share} the original's, rounded:{place} {value[worst]:.6g} instead of {original[worst]:.6g}"
