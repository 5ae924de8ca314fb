"""Seeded damage to an ONNX file: one weight of its source changed, or one input without effect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[np.float32]
Change = Callable[[Array, np.random.Generator], Array]


def replaced(weight: Array, rng: np.random.Generator) -> Array:
    return rng.normal(weight.mean(), weight.std() + 1e-3, weight.shape).astype(np.float32)


def scaled(by: float) -> Change:
    return lambda weight, _: weight * np.float32(by)


def rows(first: int, last: int) -> Change:
    """Rows *first* to *last* (as slices count) replaced."""

    def change(weight: Array, rng: np.random.Generator) -> Array:
        found = weight.copy()
        found[first : last or None] = replaced(found, rng)[first : last or None]
        return found

    return change


def columns(first: int, last: int) -> Change:
    return lambda weight, rng: rows(first, last)(weight.T, rng).T


def shifted(weight: Array, _: np.random.Generator) -> Array:
    return weight + np.float32(0.05)


def swapped(weight: Array, _: np.random.Generator) -> Array:
    """The two halves change places."""
    return np.concatenate(np.split(weight, 2)[::-1])


def _as_it_lies(held: Array, weight: Array, changed: Array) -> Array | None:
    """What *held* becomes when *weight* becomes *changed*, or None where it does not hold it.

    An exporter transposes matrices, and puts the gates of a recurrent kernel in another order, both directions in one
    tensor: there each row is found by itself.
    """
    for own, new in ((weight, changed), (weight.T, changed.T)):
        if held.size == own.size and np.array_equal(held.squeeze(), own.squeeze()):
            return new
    if weight.ndim < 2 or held.ndim < 2 or held.shape[-1] != weight.shape[-1]:
        return None
    rows_of = {row.tobytes(): at for at, row in enumerate(weight)}
    found: Array = held.copy().reshape(-1, held.shape[-1])
    at = [(here, rows_of[row.tobytes()]) for here, row in enumerate(found) if row.tobytes() in rows_of]
    if {there for _, there in at} != set(range(len(weight))):
        return None
    for here, there in at:
        found[here] = changed[there]
    return found


def damage_weight(healthy: Path, target: Path, weight: Array, change: Change, seed: int) -> None:
    """Write *healthy* with the one initializer that holds *weight* changed, in whatever order it holds it."""
    model = onnx.load(healthy)
    changed = change(weight, np.random.default_rng(seed)).astype(np.float32)
    assert not np.array_equal(changed, weight)
    holders = 0
    for tensor in model.graph.initializer:
        held = numpy_helper.to_array(tensor)
        new = _as_it_lies(held, weight, changed)
        if new is not None:
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(new).reshape(held.shape), tensor.name))
            holders += 1
    assert holders == 1, f"{holders} initializers hold the weight"
    onnx.save(model, target)


def damage_input(healthy: Path, target: Path, name: str, factor: Array, plus: float) -> None:
    """Write *healthy* with input *name* read as ``input * factor + plus``: all ones, or a part of it zero."""
    model = onnx.load(healthy)
    kind = next(v for v in model.graph.input if v.name == name).type.tensor_type.elem_type
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    for node in model.graph.node:
        for index, used in enumerate(node.input):
            if used == name:
                node.input[index] = "damaged"
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(factor.astype(dtype), "damage_factor"),
            numpy_helper.from_array(np.asarray(plus, dtype), "damage_plus"),
        ]
    )
    model.graph.node.insert(0, helper.make_node("Mul", [name, "damage_factor"], ["damage_product"]))
    model.graph.node.insert(1, helper.make_node("Add", ["damage_product", "damage_plus"], ["damaged"]))
    assert kind != TensorProto.UNDEFINED
    onnx.save(model, target)
