"""A copy of a model whose weights a run may be fed others for, and that also gives what tells what ran."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from pytest_onnxaccel.graph.files import load_graph
from pytest_onnxaccel.graph.probe.expose import write_beside
from pytest_onnxaccel.graph.reach.lift import array_of, lift
from pytest_onnxaccel.graph.reach.paths import answering, weights
from pytest_onnxaccel.graph.reach.probes import Probe, measuring, probes

#: From this version on an initializer that is an input as well is a default that a run may be fed another for.
_DEFAULTS = 4
#: Length of the pattern of signs: prime, so that it meets no row twice alike.
_PATTERN = 4093
#: What a tensor of zeros is moved by.
_FROM_ZERO = 0.1

#: Tensors of the copy that was written last, until they are asked for: it need not be parsed again.
_WRITTEN: dict[str, dict[str, TensorProto]] = {}

Mover = Callable[[Sequence[str], float], dict[str, Any]]


def movable(source: str, target: str) -> dict[str, Any]:
    """Write the model at *source* with its weights as inputs that may be left out to *target*, next to it.

    Returns:
        ``weights``: ``[name, label, elements]`` of those with a path to an output, in the order of their use;
        ``dead``: labels of those without; ``outputs``: names of the model's own; ``answering``: those of them that
        depend on the values of an input; ``probes``: what is looked at, see :class:`~.probes.Probe`.

    Raises:
        ModelError: as :func:`~pytest_onnxaccel.graph.files.load_graph`; ``E_FILE`` or ``E_EXTERNAL``.
    """
    model = ModelProto()
    model.CopyFrom(load_graph(source))
    lift(model)
    used, dead = weights(model)
    looked = [_measured(model, probe) if probe.kind == "channels" else probe for probe in probes(model)]
    fed = answering(model)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    listed = {value.name for value in model.graph.input}
    for weight in used:
        if weight.name not in listed:
            tensor = tensors[weight.name]
            model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    outputs = [value.name for value in model.graph.output]
    present = {value.name for value in (*model.graph.input, *model.graph.output)}
    for value in dict.fromkeys(probe.value for probe in looked):
        if value not in present:
            model.graph.output.append(ValueInfoProto(name=value))
    model.ir_version = max(model.ir_version, _DEFAULTS)
    write_beside(model, source, target)
    _WRITTEN.clear()
    _WRITTEN[target] = {weight.name: tensors[weight.name] for weight in used}
    return {
        "weights": [[w.name, w.label, w.elements] for w in used],
        "dead": [w.label for w in dead],
        "outputs": outputs,
        "answering": fed,
        "probes": [asdict(probe) for probe in looked],
    }


def _measured(model: ModelProto, probe: Probe) -> Probe:
    opset = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 1)
    name, nodes, held = measuring(probe, opset)
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(held)
    return replace(probe, value=name)


def mover(path: str) -> Mover:
    """Open the model at *path*, written by :func:`movable`, to move weights by a share of each element."""
    tensors = _WRITTEN.pop(path, None)
    if tensors is None:  # another process wrote it
        tensors = {tensor.name: tensor for tensor in load_graph(path).graph.initializer}
    return partial(_moved, tensors, os.path.dirname(os.path.abspath(path)))


def _moved(tensors: dict[str, TensorProto], folder: str, names: Sequence[str], share: float) -> dict[str, Any]:
    return {name: moved(array_of(tensors[name], folder), share, zlib.crc32(name.encode())) for name in names}


def moved(array: Any, share: float, seed: int) -> Any:
    """Return *array* with every element *share* of itself larger or smaller, at random: no element changes its sign.

    Zeros mean zero (padding, pruned weights), unless there is nothing else. Bytes of quantised weights move by that
    share of the largest of them, inside their type.
    """
    signs = _signs(array.size, seed).reshape(array.shape)
    if array.dtype.kind in "iu":
        info, wide = np.iinfo(array.dtype), array.astype(np.int16)
        step = max(1, round(share * float(np.abs(wide).max(initial=0))))
        found = np.where((wide + signs * step < info.min) | (wide + signs * step > info.max), -signs, signs)
        return np.clip(wide + found * step, info.min, info.max).astype(array.dtype)
    with np.errstate(all="ignore"):
        wide = array.astype(np.float64 if array.dtype.itemsize == 8 else np.float32)
        far = wide * (1 + share * signs) if wide.any() else share * _FROM_ZERO * signs
        found = np.asarray(far).astype(array.dtype)
        return np.where(np.isfinite(found.astype(wide.dtype)), found, array).astype(array.dtype)


@lru_cache(maxsize=1)
def _pattern() -> Any:
    return np.random.default_rng(0).integers(0, 2, _PATTERN).astype(np.float32) * 2 - 1


def _signs(count: int, seed: int) -> Any:
    """Return *count* times 1 or -1, the same for the same *seed*."""
    pattern, start = _pattern(), seed % _PATTERN
    if start + count <= _PATTERN:
        return pattern[start : start + count]
    return np.tile(pattern, -(-(start + count) // _PATTERN))[start : start + count]
