"""What is changed in a frozen graph before tf2onnx takes it: the same function in operators that tf2onnx knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: Operators that call a function. Where one of them gives an output, the function is never put in its place.
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
#: Says that loops may be taken apart into jumps, which tf2onnx cannot put together again.
_LOWER = "_lower_using_switch_merge"
#: What keeps a function from taking the place of its calls: Keras lets XLA compile convolutions in groups.
_KEPT_APART = ("_XlaMustCompile", "_noinline")


def rewrite(graph_def: Any, inputs: Iterable[str], outputs: Iterable[str]) -> Mapping[str, str]:
    """Change *graph_def* in place.

    * ``Erfc(x)``, in the gelu of Keras 3, becomes ``1 - Erf(x)``; ONNX has no operator of that name.
    * The nodes of functions take the place of their calls; loops stay loops. An output that a call gives is passed on
      by an ``Identity``, because TensorFlow's optimiser replaces no call that gives an output itself.

    Args:
        graph_def: of TensorFlow, frozen.
        inputs: names of tensors.
        outputs: names of tensors.

    Returns:
        The name of each output in the changed graph.
    """
    whole = bool(graph_def.library.function)
    for nodes in (graph_def.node, *(function.node_def for function in graph_def.library.function)):
        for node in nodes:
            if _LOWER in node.attr:
                node.attr[_LOWER].b = False
            for name in _KEPT_APART:
                node.attr.pop(name, None)
            if whole:  # they are those of the calls, and need not fit what is put in their place
                node.attr.pop("_output_shapes", None)
    _replace_erfc(graph_def.node)
    for function in graph_def.library.function:
        for name in _KEPT_APART:
            function.attr.pop(name, None)
        replaced = _replace_erfc(function.node_def)
        for name, result in function.ret.items():
            function.ret[name] = _as_difference(result, replaced)
        for node in function.node_def:
            node.input[:] = [_as_difference(name, replaced) for name in node.input]
    found = _passed_on(graph_def, outputs)
    if whole and any(node.op in _CALLS for node in graph_def.node):
        graph_def.CopyFrom(_inlined(graph_def, [*inputs, *found.values()]))
    return found


def _inlined(graph_def: Any, kept: Iterable[str]) -> Any:
    """Return *graph_def* with functions in the place of their calls; tensors *kept* keep their names."""
    import tensorflow as tf
    from tensorflow.core.protobuf import config_pb2, meta_graph_pb2, rewriter_config_pb2
    from tensorflow.python.grappler import tf_optimizer

    config = config_pb2.ConfigProto()
    options = config.graph_options.rewrite_options
    options.min_graph_nodes = -1
    options.optimizers.append("function")
    options.function_optimization = rewriter_config_pb2.RewriterConfig.AGGRESSIVE
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        meta = tf.compat.v1.train.export_meta_graph(graph_def=graph_def, graph=graph)
    fetched = meta_graph_pb2.CollectionDef()
    fetched.node_list.value.extend(kept)
    meta.collection_def["train_op"].CopyFrom(fetched)
    return tf_optimizer.OptimizeGraph(config, meta)


def _replace_erfc(nodes: Any) -> set[str]:
    """Replace every Erfc among *nodes*, and return the names of those that were."""
    found = [node for node in nodes if node.op == "Erfc"]
    taken = {node.name for node in nodes}
    for node in found:
        one, error = _free(f"{node.name}_one", taken), _free(f"{node.name}_erf", taken)
        added = nodes.add(name=error, op="Erf", input=list(node.input))
        added.attr["T"].CopyFrom(node.attr["T"])
        constant = nodes.add(name=one, op="Const")
        constant.attr["dtype"].CopyFrom(node.attr["T"])
        _fill(constant.attr["value"].tensor, node.attr["T"].type)
        node.op = "Sub"
        node.input[:] = [one, error]
    replaced = {node.name for node in found}
    # Within a function an input is NODE:ARGUMENT:NUMBER; at the top NODE or NODE:NUMBER
    inside = any(name.count(":") == 2 for node in nodes for name in node.input)
    for node in found if inside else ():
        node.input[:] = [f"{node.input[0]}:output:0", f"{node.input[1]}:y:0"]
    return replaced


def _fill(tensor: Any, dtype: int) -> None:
    """Make *tensor* the scalar 1 of *dtype*, a floating type of TensorFlow."""
    from tensorflow import as_dtype, make_tensor_proto

    tensor.CopyFrom(make_tensor_proto(1, dtype=as_dtype(dtype), shape=()))


def _as_difference(name: str, replaced: set[str]) -> str:
    """Return *name* of a function's value: what an Erfc calls ``y``, a Sub calls ``z``."""
    node, _, rest = name.partition(":")
    return f"{node}:z:0" if rest == "y:0" and node in replaced else name


def _passed_on(graph_def: Any, outputs: Iterable[str]) -> dict[str, str]:
    calls = {node.name: node for node in graph_def.node if node.op in _CALLS}
    taken = {node.name for node in graph_def.node}
    found: dict[str, str] = {}
    for tensor in outputs:
        name, _, number = tensor.partition(":")
        if name not in calls or tensor in found:
            found.setdefault(tensor, tensor)
            continue
        again = _free(f"{name}_result_{number or 0}", taken)
        node = graph_def.node.add(name=again, op="Identity", input=[tensor])
        node.attr["T"].type = calls[name].attr["Tout"].list.type[int(number or 0)]
        found[tensor] = f"{again}:0"
    return found


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name
