"""The part of a model between a few values, as a model of its own. Runs in a worker, gives JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import ModelProto, helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.files import load_graph
from pytest_onnxaccel.graph.probe.anatomy import captured
from pytest_onnxaccel.graph.probe.expose import declared, element_type, write_beside


def extract(
    source: str,
    target: str,
    feeds: Mapping[str, Sequence[object]],
    values: Sequence[str],
    known: Mapping[str, Sequence[object]],
) -> dict[str, object]:
    """Write what computes *values* from *feeds* in the model at *source* to *target*, with its constants.

    Args:
        source: path of the model.
        target: path of the model to write.
        feeds: ``[element type, shape]`` by value: the element type as NumPy names it (``float32``), the shape as
            sizes. They become the inputs; what lies before them is left out.
        values: become the outputs, in this order.
        known: ``[bytes, dtype, shape]`` by value, as :func:`~.anatomy.anatomy` gives; some runtimes need them.

    Returns:
        ``nodes``: how many are left.

    Raises:
        ModelError: ``E_CONVERT``: *values* also depend on an input of the model that is not among *feeds*, or no
            node gives them; ``E_FILE``.
    """
    model = ModelProto()
    model.CopyFrom(load_graph(source))
    graph = model.graph
    makers = {output: node for node in graph.node for output in node.output if output}
    constants = {tensor.name for tensor in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    kept: set[str] = set()
    read: set[str] = set()
    waiting = list(values)
    while waiting:
        name = waiting.pop()
        if name in feeds or name in read or not name:
            read.add(name)
            continue
        read.add(name)
        node = makers.get(name)
        if node is not None:
            kept.add(node.output[0])
            waiting += [*node.input, *captured(node)]
        elif name not in constants and any(value.name == name for value in graph.input):
            raise ModelError(f"the excerpt also depends on the input {name!r}", code="E_CONVERT")
        elif name in values:
            raise ModelError(f"no node of the main graph gives {name!r}", code="E_CONVERT")
    nodes = [node for node in graph.node if node.output and node.output[0] in kept]
    infos = {info.name: info for info in (*graph.value_info, *graph.output)}
    outputs = [declared(name, known.get(name), infos.get(name)) for name in values]
    inputs = [
        helper.make_tensor_value_info(name, element_type(str(dtype)), list(shape))  # type: ignore[call-overload]
        for name, (dtype, shape) in feeds.items()
        if name in read
    ]
    needed = read - set(feeds)
    dense = [tensor for tensor in graph.initializer if tensor.name in needed]
    sparse = [tensor for tensor in graph.sparse_initializer if tensor.values.name in needed]
    del graph.initializer[:], graph.sparse_initializer[:]
    graph.initializer.extend(dense)
    graph.sparse_initializer.extend(sparse)
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    graph.output.extend(outputs)
    write_beside(model, source, target)
    return {"nodes": len(nodes), "inputs": [value.name for value in inputs]}
