"""A TensorFlow Lite file to ONNX through tf2onnx, which reads such files in a way of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_onnxaccel.core.errors import ConversionError, printable


def lite_model(
    path: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    opset: int,
    renamed: Mapping[str, str],
    shapes: Mapping[str, Sequence[int]],
) -> Any:
    """Return the file at *path* as an ONNX model.

    Args:
        path: the TensorFlow Lite file.
        inputs: names of tensors of the file.
        outputs: names of tensors of the file.
        opset: version of the default domain.
        renamed: what tensors are called in the result.
        shapes: by tensor, those that inputs shall declare otherwise than the file; -1 for what stays open.

    Raises:
        ConversionError: two tensors that tf2onnx tells apart by nothing but their names have one.
    """
    import tensorflow as tf
    from tf2onnx import optimizer, tfonnx

    for side, what in ((inputs, "inputs"), (outputs, "outputs")):
        twice = next((name for name in side if list(side).count(name) > 1), None)
        if twice is not None:
            raise ConversionError(
                f"two {what} are the tensor {printable(twice, 80)!r}", remedy="give each its own name"
            )
    # The public function takes no names for the result
    with tf.Graph().as_default() as graph, tf.device("/cpu:0"):
        found = tfonnx.process_tf_graph(
            graph,
            continue_on_error=True,
            opset=opset,
            input_names=list(inputs),
            output_names=list(outputs),
            tensors_to_rename=dict(renamed),
            tflite_path=path,
        )
        model = optimizer.optimize_graph(found).make_model("converted from TensorFlow Lite")
    return _declared(model, {renamed.get(name, name): shape for name, shape in shapes.items()})


def _declared(model: Any, shapes: Mapping[str, Sequence[int]]) -> Any:
    """Let inputs declare *shapes*, and what follows from them be inferred again; tf2onnx takes none for such files."""
    if not shapes:
        return model
    import onnx

    for value in model.graph.input:
        if value.name in shapes:
            shape = value.type.tensor_type.shape
            del shape.dim[:]
            for at, size in enumerate(shapes[value.name]):
                dim = shape.dim.add()
                if size < 0:
                    dim.dim_param = f"{value.name}_{at}"
                else:
                    dim.dim_value = size
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(model)
