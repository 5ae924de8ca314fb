"""A copy of a model that also gives values from inside it. Runs in a worker, gives JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.files import load_graph
from pytest_onnxaccel.graph.rebatch_files import write_model


def expose(
    source: str,
    target: str,
    values: Sequence[str],
    known: Mapping[str, Sequence[object]],
    constants: Sequence[str] = (),
) -> dict[str, object]:
    """Write the model at *source* with *values* as further outputs, after its own, to *target*.

    A target next to its source shares the external data with it. Values inside subgraphs cannot be named: they are
    not values of the main graph.

    Args:
        source: path of the model.
        target: path of the model to write.
        values: names of values of the main graph.
        known: ``[bytes, dtype, shape]`` by value, as :func:`~.anatomy.anatomy` gives; some runtimes need them.
        constants: names of initializers, or of values that follow from them alone; those that the graph lacks are left.

    Returns:
        ``outputs``: names of all outputs.

    Raises:
        ModelError: ``E_CONVERT``: no node of the main graph gives one of *values*; ``E_FILE``.
    """
    model = ModelProto()
    model.CopyFrom(load_graph(source))
    made = {name for node in model.graph.node for name in node.output}
    for name in values:
        if name not in made:
            raise ModelError(f"no node of the main graph gives {name!r}", code="E_CONVERT")
    infos = {info.name: info for info in model.graph.value_info}
    present = {value.name for value in model.graph.output}
    for name in values:
        if name not in present:
            model.graph.output.append(declared(name, known.get(name), infos.get(name)))
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    for name in constants:
        if name in held:
            info = helper.make_tensor_value_info(name, held[name].data_type, list(held[name].dims))
            model.graph.output.append(info)
        elif name in made:
            model.graph.output.append(declared(name, None, infos.get(name)))
    write_beside(model, source, target)
    return {"outputs": [value.name for value in model.graph.output]}


def write_beside(model: ModelProto, source: str, target: str) -> None:
    """Write *model*, read from *source*, to *target*; in the same folder the external data is shared.

    Raises:
        ModelError: ``E_FILE`` or ``E_EXTERNAL``.
    """
    if os.path.dirname(os.path.abspath(source)) != os.path.dirname(os.path.abspath(target)):
        write_model(model, source, target)
        return
    try:
        Path(target).write_bytes(model.SerializeToString())
    except (OSError, ValueError) as error:
        raise ModelError(f"a copy of the model cannot be written: {error}", code="E_FILE") from None


def declared(name: str, known: Sequence[object] | None, info: ValueInfoProto | None) -> ValueInfoProto:
    """Return *name* as an output, with its type where that is known: runtimes infer what is missing."""
    _, dtype, shape = known or (None, "", None)
    if dtype and dtype != "no tensor":
        sizes = [size if isinstance(size, int) else None for size in shape] if isinstance(shape, Sequence) else None
        return helper.make_tensor_value_info(name, element_type(str(dtype)), sizes)
    return info if info is not None else ValueInfoProto(name=name)


def element_type(dtype: str) -> int:
    """Return ONNX's element type for NumPy's name of it."""
    names = {"float32": "FLOAT", "float64": "DOUBLE"}
    return int(TensorProto.DataType.Value(names.get(dtype, dtype.upper())))
