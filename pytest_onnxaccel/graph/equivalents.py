"""Legal variants of a model: other graphs that mean the same, up to rounding. How far they drift is the noise floor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, version_converter

from pytest_onnxaccel.core.errors import ModelError, printable
from pytest_onnxaccel.graph.files import all_graphs
from pytest_onnxaccel.graph.fold_batchnorm import fold_batchnorm, foldable
from pytest_onnxaccel.graph.precision.operators import quantised_scales
from pytest_onnxaccel.graph.rebatch_files import read_model, read_whole, write_model
from pytest_onnxaccel.graph.reorder import reordered, sums_of
from pytest_onnxaccel.graph.simplify import release_initializers
from pytest_onnxaccel.graph.spectra import convolved, spectra_of
from pytest_onnxaccel.graph.upgrade import opset_of, upgraded

#: Opset that older models are brought to, and the one that newer ones are brought back to.
_NEWER, _OLDER = 18, 17
_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
#: Operators whose float operands behind the first say how large the result is.
_SIZED = ("Resize", "Upsample")
_BACKWARDS = "sums from the other end"
_CONVOLVED = "STFT as a convolution"
#: Scales of quantised values are so much off, up and down: a number on the border of two steps takes the other.
_STEPS = {"quantised in steps larger by 0.1 %": 2.0**-10, "quantised in steps smaller by 0.1 %": -(2.0**-10)}
#: Several draws, because a single element of a single output may drift by nothing by luck.
_ROUNDED = ("weights one rounding off (1)", "weights one rounding off (2)", "weights one rounding off (3)")


def applicable(source: str) -> list[str]:
    """Return the names of the variants that the model at *source* has, cheap ones first."""
    model = read_model(source)
    names = list(_ROUNDED) if any(_weights(model)) else []
    if any(sums_of(model)):
        names.append(_BACKWARDS)
    if any(spectra_of(model)):
        names.append(_CONVOLVED)
    if any(_scales(model)):
        names += _STEPS
    if foldable(model):
        names.append("BatchNormalization folded")
    if model.graph.initializer:
        names.append("initializers inside" if _listed(model) else "initializers as inputs")
    if opset_of(model):
        names.append(f"opset {_target(model)}")
    return names


def variant(source: str, target: str, name: str) -> dict[str, Any]:
    """Write the variant *name* of the model at *source* to *target*, as one file.

    Raises:
        ModelError: ``E_CONVERT``: the model has no such variant; ``E_SIZE``: it is too large to be copied in memory.
    """
    made = _make(name)(read_whole(source))
    write_model(made, source, target)
    return {"variant": name}


def _make(name: str) -> Callable[[onnx.ModelProto], onnx.ModelProto]:
    makers: Mapping[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
        **{text: lambda model, seed=seed: rounded(model, seed) for seed, text in enumerate(_ROUNDED)},  # type: ignore[misc]
        **{text: lambda model, by=by: stretched(model, by) for text, by in _STEPS.items()},  # type: ignore[misc]
        _BACKWARDS: reordered,
        _CONVOLVED: convolved,
        "BatchNormalization folded": fold_batchnorm,
        "initializers inside": initializers_inside,
        "initializers as inputs": initializers_as_inputs,
    }
    if name in makers:
        return makers[name]
    if name.startswith("opset "):
        return at_other_opset
    raise ModelError(f"there is no variant {name!r}", code="E_CONVERT")


def rounded(model: onnx.ModelProto, seed: int) -> onnx.ModelProto:
    """Return every second float weight moved by one unit in the last place, up or down, at random.

    What the two roundings of a fold do: none, or one unit either way. A fault scales a channel by thousands of units.
    Scales of a resizing stay: they are sizes, and with others the graph has another shape.
    """
    random = np.random.default_rng(seed)
    for tensor in _weights(model):
        content = numpy_helper.to_array(tensor)
        dice = random.random(content.shape)
        moved = np.where(dice < 0.25, _next(content, 1), np.where(dice < 0.5, _next(content, -1), content))
        # Zeros mean zero (padding, pruned weights), and nothing may turn infinite
        with np.errstate(invalid="ignore"):  # a neighbour of infinity is NaN
            wide = [array.astype(np.float64) for array in (content, moved)]
        keep = (wide[0] == 0) | ~np.isfinite(wide[0]) | ~np.isfinite(wide[1])
        tensor.CopyFrom(numpy_helper.from_array(np.where(keep, content, moved).astype(content.dtype), tensor.name))
    return model


def stretched(model: onnx.ModelProto, by: float) -> onnx.ModelProto:
    """Enlarge the scales of quantised values by the share *by*, where they are written and where they are read.

    Between two engines, rounding before a QuantizeLinear decides which of two steps a number on their border takes.
    """
    for tensor in _scales(model):
        content = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array((content * (1 + by)).astype(content.dtype), tensor.name))
    return model


def _scales(model: onnx.ModelProto) -> Iterator[TensorProto]:
    """Return the scales of values that are computed; those of constants would change the weights."""
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    wanted = set(quantised_scales(model))
    yield from (tensor for name, tensor in held.items() if name in wanted and tensor.data_type in _FLOATS)


def _weights(model: onnx.ModelProto) -> Iterator[TensorProto]:
    """Yield floats of the graph and of the branches and bodies inside it.

    Of what nodes hold, matrices and larger alone.
    """
    graphs = all_graphs(model)
    sizes = {name for g in graphs for node in g.node if node.op_type in _SIZED for name in node.input[1:]}
    for graph in graphs:
        held = [(node.output[0], item.t) for node in graph.node if node.op_type == "Constant"
                for item in node.attribute if item.name == "value" and len(item.t.dims) > 1]  # fmt: skip
        own = getattr(graph, "initializer", ())  # of which a function has none
        for name, tensor in [*((tensor.name, tensor) for tensor in own), *held]:
            if tensor.data_type in _FLOATS and name not in sizes:
                yield tensor


def _next(content: Any, direction: int) -> Any:
    """Return the neighbour of each element, away from zero or towards it: one more or less as an integer."""
    whole = np.dtype(f"i{content.dtype.itemsize}")
    return (
        (np.ascontiguousarray(content).view(whole) + whole.type(direction)).view(content.dtype).reshape(content.shape)
    )


def initializers_as_inputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return every initializer also listed as an input, as exporters of IR version 3 had it.

    Runtimes may not fold them.
    """
    known = {value.name for value in model.graph.input}
    for tensor in model.graph.initializer:
        if tensor.name not in known:
            model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    return model


def initializers_inside(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return *model* with no initializer listed as an input, so that runtimes may fold them."""
    release_initializers(model)
    return model


def at_other_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same graph at a newer opset, or one of the newest at an older one.

    Raises:
        ModelError: ``E_CONVERT``: an operator has no form there.
    """
    target = _target(model)
    try:
        if target > opset_of(model):
            return upgraded(model, target)
        return version_converter.convert_version(model, target)
    except Exception as error:
        raise ModelError(f"no form at opset {target}: {printable(str(error), 120)}", code="E_CONVERT") from None


def _target(model: onnx.ModelProto) -> int:
    return _NEWER if opset_of(model) < _NEWER else _OLDER


def _listed(model: onnx.ModelProto) -> bool:
    return bool({value.name for value in model.graph.input} & {tensor.name for tensor in model.graph.initializer})
