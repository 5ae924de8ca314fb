"""TensorFlow to ONNX through tf2onnx: frozen graph, SavedModel, checkpoint, Keras or TensorFlow Lite file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from typing import Any

from pytest_onnxaccel.backends.distributions import versions_of
from pytest_onnxaccel.backends.protocol import Availability
from pytest_onnxaccel.backends.tensorflow.imports import reason
from pytest_onnxaccel.backends.tensorflow.open import (
    KERAS,
    KERAS_H5,
    KINDS,
    SAVED_MODEL,
    TFLITE,
    OpenSource,
    open_tensorflow,
)
from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.convert.from_tensorflow.lite import lite_model
from pytest_onnxaccel.convert.from_tensorflow.messages import (
    KERAS_FILE,
    REBUILD,
    refuse_unknown,
    said_meanwhile,
    unsupported,
)
from pytest_onnxaccel.convert.from_tensorflow.rewrites import rewrite
from pytest_onnxaccel.convert.from_tensorflow.shared_batch import shared_batch
from pytest_onnxaccel.convert.protocol import DYNAMIC, Converted, ConvertOptions
from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError, ConversionError, printable
from pytest_onnxaccel.core.specs import TensorSpec

#: The newest that tf2onnx 1.17 writes, and what it writes where nothing is asked.
NEWEST_OPSET, DEFAULT_OPSET = 18, 15
#: tf2onnx knows no older one of the operators that it needs most.
OLDEST_OPSET = 9

_REMEDY = 'python -m pip install "pytest-onnxaccel[tensorflow]"'


class TensorflowOnnx:
    """The converter ``tf2onnx``.

    Inputs and outputs of the result have the names of the source: tensor names (``X:0``) of a graph, keys of a
    SavedModel's signature, layers of a Keras model. Names that are asked for choose among them, or among all tensors
    of a graph.
    """

    name = "tf2onnx"
    takes = KINDS
    gives = (kinds.ONNX,)
    backend = "tensorflow"
    opsets = range(OLDEST_OPSET, NEWEST_OPSET + 1)

    def availability(self) -> Availability:
        """Return whether TensorFlow and tf2onnx are installed, by their metadata."""
        found = versions_of("tensorflow", "tensorflow-cpu", "tensorflow-macos", "keras", "tf2onnx", "onnx")
        if "tf2onnx" not in found:
            return Availability(False, "tf2onnx is not installed", _REMEDY)
        if not any(name.startswith("tensorflow") for name in found):
            return Availability(False, "tensorflow is not installed", _REMEDY)
        return Availability(True, versions=found, devices=("cpu",))

    def convert(self, source: str, kind: str, gives: str, folder: str, options: ConvertOptions) -> Converted:
        """Convert the staged *source*; see :class:`~pytest_onnxaccel.convert.protocol.Converter`.

        Raises:
            ConversionError: ``E_CONVERT``: an operator that tf2onnx lacks, with its node; an opset or a batch.
            ModelError: ``E_UNSAFE``, ``E_PARSE``, ``E_SCHEMA``, or ``V_CONTRACT`` for names that the source lacks.
            ConfigError: what its inputs or outputs are must be named.
        """
        opset = _opset(options.opset)
        names = [spec.name for spec in options.inputs]
        opened = open_tensorflow(source, kind, names, options.outputs, options.signature, trusted=options.trusted)
        try:
            shapes = _shapes(opened.inputs, options)
            tensors, lite, keras = opened.tensors, kind == TFLITE, kind in (KERAS, KERAS_H5)
            asked = {tensors[name]: shape for name, shape in shapes.items()}
            batched = frozenset() if lite or keras else shared_batch(opened, shapes)
            model, said = _converted(opened, tensors, asked, opset, options.stem, source if lite else "")
            refuse_unknown(model, said)
        except ConversionError as error:
            if kind == SAVED_MODEL and error.remedy == REBUILD:
                error.remedy = KERAS_FILE
            raise
        finally:
            opened.close()
        import onnx

        notes = [*opened.notes, *_open_ranks(opened.inputs, shapes)]
        _name_dims(model, keras, options.batch == DYNAMIC, batched)
        suffix = f"-batch-{options.batch}" if isinstance(options.batch, int) else ""
        path = os.path.join(folder, f"{options.stem}{suffix}.onnx")
        onnx.save(model, path)
        return Converted(
            path,
            kinds.ONNX,
            _declared(model.graph.input),
            _declared(model.graph.output),
            next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx")),
            tuple(notes),
            {"tensors": tensors, "read": opened.way, "versions": dict(self.availability().versions)},
        )


def _opset(wanted: int | None) -> int:
    if wanted is not None and not OLDEST_OPSET <= wanted <= NEWEST_OPSET:
        raise ConfigError(
            f"tf2onnx writes opsets {OLDEST_OPSET} to {NEWEST_OPSET}, asked for {wanted}",
            remedy="ask for one of these, and raise the opset of the result with onnx.version_converter",
        )
    return wanted or DEFAULT_OPSET


def _shapes(found: Sequence[TensorSpec], options: ConvertOptions) -> dict[str, list[int]]:
    """Return shapes by input that the result shall declare otherwise than the source; -1 for what stays open."""
    asked = {spec.name: spec.shape for spec in options.inputs}
    shapes: dict[str, list[int]] = {}
    for spec in found:
        own, given = spec.shape, asked.get(spec.name)
        if own is not None and given is not None and not _fits(own, given):
            raise ConversionError(f"input {spec} of the source cannot be {TensorSpec(spec.name, spec.dtype, given)}")
        if own is None and given is None:
            if options.batch is not None:
                raise ConversionError(
                    f"input {spec.name!r} of the source has no rank, so that none of its axes is the batch",
                    remedy="give the shape of the input",
                )
            continue
        dims = [_size(a, b) for a, b in zip(own or given or (), given or own or (), strict=True)]
        if options.batch is not None and dims:
            fixed = own is not None and isinstance(own[0], int)
            if fixed and own is not None and own[0] != options.batch:
                raise ConversionError(
                    f"input {spec} of the source is frozen at batch {own[0]}, asked for {options.batch}",
                    remedy="save the source with an open batch, or re-freeze the ONNX file",
                )
            dims[0] = -1 if options.batch == DYNAMIC else int(options.batch)
        if own is None or dims != [_size(dim, dim) for dim in own]:
            shapes[spec.name] = dims
    return shapes


def _fits(own: Sequence[Any], given: Sequence[Any]) -> bool:
    return len(own) == len(given) and all(
        a == b or not isinstance(a, int) or not isinstance(b, int) for a, b in zip(own, given, strict=True)
    )


def _size(first: Any, second: Any) -> int:
    return next((dim for dim in (first, second) if isinstance(dim, int)), -1)


def _converted(
    opened: OpenSource, tensors: dict[str, str], shapes: Mapping[str, Sequence[int]], opset: int, stem: str, lite: str
) -> tuple[Any, list[str]]:
    """Return the ONNX model, and what tf2onnx complained of; *lite* is the path of a TensorFlow Lite file."""
    graph_def = opened.frozen()
    inputs = [tensors[spec.name] for spec in opened.inputs]
    outputs = [tensors[spec.name] for spec in opened.outputs]
    if graph_def is not None:
        _reshape(graph_def, shapes)
        now = rewrite(graph_def, inputs, outputs)
        outputs = [now[tensor] for tensor in outputs]
        tensors = {name: now.get(tensor, tensor) for name, tensor in tensors.items()}
    renamed = {tensor: name for name, tensor in tensors.items() if tensor != name}
    with said_meanwhile() as said:
        try:
            import tf2onnx.convert
        except Exception as error:
            raise BackendUnavailable(f"tf2onnx cannot be imported: {reason(error)}", remedy=_REMEDY) from error
        try:
            if lite:
                return lite_model(lite, inputs, outputs, opset, renamed, shapes), said
            model, _ = tf2onnx.convert.from_graph_def(
                graph_def,
                name=stem,
                input_names=list(inputs),
                output_names=list(outputs),
                opset=opset,
                tensors_to_rename=renamed,
            )
        except ConversionError:
            raise
        except Exception as error:
            known = unsupported(said)
            raise known or ConversionError(
                f"tf2onnx stopped: {reason(error)}", where=f"tf2onnx, opset {opset}"
            ) from error
    return model, said


def _reshape(graph_def: Any, shapes: Mapping[str, Sequence[int]]) -> None:
    """Let the placeholders behind these tensors declare these shapes, -1 for what is open.

    tf2onnx has an option for it, which takes no open size.
    """
    nodes = {node.name: node for node in graph_def.node}
    for tensor, shape in shapes.items():
        node = nodes[tensor.partition(":")[0]]
        if node.op != "Placeholder":
            raise ConversionError(
                f"{tensor} is computed in the source ({node.op}), so that its shape cannot be chosen",
                remedy="leave the shape out, or start at a placeholder",
            )
        del node.attr["shape"].shape.dim[:]
        node.attr["shape"].shape.unknown_rank = False
        for size in shape:
            node.attr["shape"].shape.dim.add().size = size
    if shapes:
        # Shapes that TensorFlow inferred from the placeholders as they were
        for node in graph_def.node:
            node.attr.pop("_output_shapes", None)


def _open_ranks(inputs: Sequence[TensorSpec], shapes: Mapping[str, Sequence[int]]) -> list[str]:
    """Return notes on inputs whose rank the source leaves open: tf2onnx makes scalars of them."""
    free = [spec.name for spec in inputs if spec.shape is None and spec.name not in shapes]
    if not free:
        return []
    listed = ", ".join(printable(name, 60) for name in free)
    return [f"the source leaves the rank of {listed} open, which ONNX cannot: declared as a scalar; give its shape"]


def _name_dims(model: Any, keras: bool, dynamic: bool, batched: Set[str]) -> None:
    """Give open sizes names that are the same at every conversion; tf2onnx numbers them through a process.

    Axis 0 is the batch where Keras or the caller says so, who mean all inputs, and of the values *batched*.
    """
    names: dict[str, str] = {}
    inputs, outputs = list(model.graph.input), list(model.graph.output)
    named = [*inputs, *outputs] if keras else inputs if dynamic else []
    named += [info for info in (*inputs, *outputs) if info.name in batched and info not in named]
    for info in named:
        dims = info.type.tensor_type.shape.dim
        if dims and dims[0].HasField("dim_param"):
            names[dims[0].dim_param] = "batch"
    for info in (*inputs, *outputs, *model.graph.value_info):
        for dim in info.type.tensor_type.shape.dim:
            if dim.HasField("dim_param"):
                dim.dim_param = names.setdefault(dim.dim_param, f"dim_{len(names)}")


def _declared(values: Any) -> tuple[TensorSpec, ...]:
    from pytest_onnxaccel.graph.describe import tensor_spec

    return tuple(tensor_spec(value) for value in values)
