"""Preprocessing moved into the graph: an image of uint8 goes in, and the model normalises it itself.

Runs in a worker: takes paths, gives JSON builtins. :func:`prepend` puts nodes in front of the model's image input;
:func:`fold_into_first_conv` puts mean and scale into the weights of its first convolution. Both mean
``(image - mean) * scale`` for each channel, in the order that the model takes the channels in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.fold_preprocessing.conv import first_conv
from pytest_onnxaccel.graph.fold_preprocessing.image_input import (
    LAYOUTS,
    ImageInput,
    front,
    image_input,
    make_uint8,
    rename,
)
from pytest_onnxaccel.graph.rebatch_files import read_model, write_model

#: One number for each channel.
Channels = np.ndarray[tuple[int], np.dtype[np.float64]]
#: Order of the channels of the image, beside that of the model.
ORDERS = ("same", "reversed")


def prepend(
    source: str,
    target: str,
    mean: Sequence[float],
    scale: Sequence[float],
    layout: str = "NHWC",
    channel_order: str = "same",
    name: str = "",
) -> dict[str, object]:
    """Write the model at *source* with Cast, Transpose, Sub and Mul in front of its image input to *target*.

    Args:
        source: path of the model.
        target: path of the model to write.
        mean: one number, or one for each channel.
        scale: one factor, or one for each channel.
        layout: of the new input: ``NHWC``, ``HWC`` (one image without a batch axis) or ``NCHW``.
        channel_order: ``reversed`` when the image holds BGR and the model takes RGB, or the other way round.
        name: the input, where the model has several of rank 4; it keeps its name.

    Returns:
        ``input``: name of the input; ``method``: ``prepend``; ``edited``: what changed, a line each.

    Raises:
        ModelError: ``E_CONVERT`` when the model has no such input; as :func:`~.load.load_graph` for its file.
    """
    model, image, means, scales = _opened(source, mean, scale, layout, channel_order, name)
    inside = rename(model, image.name)
    nodes, last = front(image, layout, channel_order == "reversed")
    nodes += _arithmetic(image, last, inside, means, scales)
    _insert(model, nodes)
    make_uint8(model, image, layout)
    write_model(model, source, target)
    return {"input": image.name, "method": "prepend", "edited": _told(nodes)}


def fold_into_first_conv(
    source: str,
    target: str,
    mean: Sequence[float],
    scale: Sequence[float],
    layout: str = "NHWC",
    channel_order: str = "same",
    name: str = "",
) -> dict[str, object]:
    """Fold mean and scale into weights and bias of the convolution that takes the input; see :func:`prepend`.

    The border is kept right. A convolution that pads with zeros pads *normalised* zeros, which in the image are the
    mean. So a padded one gets an explicit Pad with the mean and no padding of its own (``method`` is ``pad``), or,
    where the channels' means differ, only the scale is folded and the mean is subtracted before (``sub``). Without
    padding there is nothing to keep (``plain``).

    Returns:
        As :func:`prepend`, and ``first``: the name of the convolution's output, for :func:`tap`.

    Raises:
        ModelError: ``E_CONVERT`` when something else than one Conv takes the input; then prepend.
    """
    model, image, means, scales = _opened(source, mean, scale, layout, channel_order, name)
    conv = first_conv(model, image)
    inside = rename(model, image.name)
    swapped = channel_order == "reversed"
    order = slice(None, None, -1 if swapped else 1)
    nodes, last = front(image, layout, False)
    if swapped:
        conv.reverse_channels()
    # From here on channels are those of the image
    means, scales = means[order], scales[order]
    conv.scale(scales)
    method = "plain" if not any(conv.pads) or not means.any() else "pad" if len(set(means)) == 1 else "sub"
    if method == "sub":
        nodes += _arithmetic(image, last, inside, means, np.ones_like(scales))
    else:
        conv.shift(means)
        nodes += conv.padding(last, inside, means[0]) if method == "pad" else [_same(last, inside)]
    conv.store(model)
    _insert(model, nodes)
    make_uint8(model, image, layout)
    write_model(model, source, target)
    edited = [*_told(nodes), f"Conv {conv.node.name or conv.output}: weights and bias"]
    return {"input": image.name, "method": method, "edited": edited, "first": conv.output}


def _opened(
    source: str, mean: Sequence[float], scale: Sequence[float], layout: str, channel_order: str, name: str
) -> tuple[ModelProto, ImageInput, Channels, Channels]:
    """Return the model, its image input, and mean and scale for each channel, when all of it can be used."""
    model = read_model(source)
    image = image_input(model, name)
    means, scales = _channels(mean, image, "mean"), _channels(scale, image, "scale")
    _one_of(layout, LAYOUTS, "layout")
    _one_of(channel_order, ORDERS, "channel order")
    return model, image, means, scales


def tap(source: str, target: str, value: str) -> dict[str, object]:
    """Write the part of the model at *source* that computes *value*, as its only output, to *target*.

    Raises:
        ModelError: ``E_CONVERT``: no node gives *value*.
    """
    model = read_model(source)
    makers = {output: node for node in model.graph.node for output in node.output}
    if value not in makers:
        raise ModelError(f"no node gives {value!r}", code="E_CONVERT")
    wanted, waiting = set(), [value]
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.output[0] not in wanted:
            wanted.add(node.output[0])
            waiting += node.input
    kept = [node for node in model.graph.node if node.output and node.output[0] in wanted]
    del model.graph.node[:], model.graph.output[:]
    model.graph.node.extend(kept)
    model.graph.output.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, None))
    write_model(model, source, target)
    return {"output": value}


def alone(
    target: str,
    mean: Sequence[float],
    scale: Sequence[float],
    channel_order: str = "same",
) -> dict[str, object]:
    """Write the nodes of :func:`prepend` as a model of their own, from ``image`` to ``out``: what they cost."""
    channels = len(mean)
    dims: list[str | int | None] = ["N", channels, "H", "W"]
    identity = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["out"])],
        "preprocessing",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(identity, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    image = image_input(model, "")
    inside = rename(model, "image")
    nodes, last = front(image, "NHWC", channel_order == "reversed")
    nodes += _arithmetic(image, last, inside, np.asarray(mean), np.asarray(scale))
    _insert(model, nodes)
    make_uint8(model, image, "NHWC")
    with open(target, "wb") as file:
        file.write(model.SerializeToString())
    return {"input": "image", "edited": _told(nodes)}


def _channels(values: Sequence[float], image: ImageInput, what: str) -> Channels:
    """Return *values* for each channel."""
    found = np.asarray(values, np.float64).reshape(-1)
    if len(found) not in (1, image.channels) or not np.isfinite(found).all():
        raise ModelError(
            f"{what} has {len(found)} values, the input {image.name!r} {image.channels} channels",
            code="E_CONVERT",
            remedy=f"give one number, or {image.channels}",
        )
    return np.broadcast_to(found, (image.channels,)).copy()


def _one_of(value: str, known: Sequence[str], what: str) -> None:
    if value not in known:
        raise ModelError(f"{value!r} is not a {what}", code="E_CONVERT", remedy=f"use one of {', '.join(known)}")


def _arithmetic(
    image: ImageInput,
    source: str,
    target: str,
    means: np.ndarray[tuple[int], np.dtype[np.float64]],
    scales: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> list[NodeProto]:
    """Return Sub and Mul from *source* to *target*; what would do nothing is left out."""
    steps = [(op, v) for op, v, nothing in (("Sub", means, 0), ("Mul", scales, 1)) if (v != nothing).any()]
    if not steps:
        return [_same(source, target)]
    nodes: list[NodeProto] = []
    dtype = helper.tensor_dtype_to_np_dtype(image.dtype)
    for index, (op, values) in enumerate(steps):
        constant = f"{target}/{op.lower()}"
        result = target if index == len(steps) - 1 else f"{constant}ed"
        tensor = numpy_helper.from_array(values.astype(dtype).reshape(-1, 1, 1), constant)
        nodes.append(helper.make_node("Constant", [], [constant], value=tensor))
        nodes.append(helper.make_node(op, [source, constant], [result], name=f"{target}/{op}"))
        source = result
    return nodes


def _same(source: str, target: str) -> NodeProto:
    return helper.make_node("Identity", [source], [target], name=f"{target}/Identity")


def _insert(model: ModelProto, nodes: Sequence[NodeProto]) -> None:
    """Put *nodes* in front of all others: a graph is sorted."""
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])


def _told(nodes: Sequence[NodeProto]) -> list[str]:
    return [f"{node.op_type} before the model" for node in nodes if node.op_type != "Constant"]
