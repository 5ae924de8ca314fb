"""PyTorch to ONNX through ``torch.onnx.export``: the dynamo exporter, or the TorchScript one on request."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.distributions import versions_of
from pytest_onnxaccel.backends.protocol import Availability
from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.convert.from_pytorch.declared_sizes import declare
from pytest_onnxaccel.convert.from_pytorch.devices import device_called
from pytest_onnxaccel.convert.from_pytorch.errors import stuck
from pytest_onnxaccel.convert.from_pytorch.example_inputs import Examples, examples
from pytest_onnxaccel.convert.from_pytorch.exporters import dynamo, quiet, torchscript
from pytest_onnxaccel.convert.from_pytorch.output_types import register
from pytest_onnxaccel.convert.protocol import EXPORTERS, Converted, ConvertOptions
from pytest_onnxaccel.core.dims import evaluate
from pytest_onnxaccel.core.errors import ConfigError, ConversionError, OnnxAccelError
from pytest_onnxaccel.core.specs import ModelInfo, TensorSpec
from pytest_onnxaccel.numerics.sampling.declared import dim_at

if TYPE_CHECKING:
    import torch

    from pytest_onnxaccel.backends.pytorch.load import Loaded

#: Opset where nobody asks for one: what every runtime of this package takes.
OPSET = 18


class TorchOnnx:
    """The converter ``torch.onnx``."""

    name = "torch.onnx"
    takes = (kinds.TORCH, kinds.TORCHSCRIPT, kinds.EXPORTED)
    gives = (kinds.ONNX,)
    backend = "torch"
    devices = True
    #: Of the dynamo exporter, the default one.
    opsets = range(OPSET, 21)

    def availability(self) -> Availability:
        found = versions_of("torch", "torchvision", "onnxscript", "onnx")
        for name in ("torch", "onnxscript"):
            if name not in found:
                return Availability(
                    False, f"{name} is not installed", 'python -m pip install "pytest-onnxaccel[torch]"', found
                )
        return Availability(True, versions=found)

    def convert(self, source: str, kind: str, gives: str, folder: str, options: ConvertOptions) -> Converted:
        """Export the staged *source*; see :class:`~pytest_onnxaccel.convert.protocol.Converter`.

        Raises:
            ConversionError: an operator that the exporter lacks, a batch that did not stay dynamic, another opset or
                other names than were asked for, a size that did not stay open.
        """
        from pytest_onnxaccel.backends.pytorch.load import load_source

        loaded = load_source(source, kind, options.loader, options.import_paths, options.trusted)
        exporter, notes = _exporter(kind, options.exporter)
        made = _export(loaded, exporter, folder, options)
        info, exporters_notes = made.info, made.notes
        return Converted(
            made.path,
            kinds.ONNX,
            info.inputs,
            info.outputs,
            info.opset,
            notes=(*loaded.notes, *notes, *exporters_notes),
            facts={"exporter": exporter, "versions": dict(self.availability().versions), "nodes": info.nodes},
        )


def _exporter(kind: str, asked: str) -> tuple[str, list[str]]:
    """Return the exporter to use, and what is to be said of the choice."""
    if asked and asked not in EXPORTERS:
        raise ConfigError(f"{asked!r} is not an exporter", remedy=f"use one of {', '.join(EXPORTERS)}")
    if kind == kinds.TORCHSCRIPT:
        if asked == "dynamo":
            raise ConversionError("the dynamo exporter takes no TorchScript", remedy="use the torchscript exporter")
        return "torchscript", ["exported by the torchscript exporter: the dynamo one takes no TorchScript"]
    return asked or "dynamo", []


class _Made:
    def __init__(self, path: str, info: ModelInfo, notes: Sequence[str]) -> None:
        self.path, self.info, self.notes = path, info, tuple(notes)


def _export(loaded: Loaded, exporter: str, folder: str, options: ConvertOptions) -> _Made:
    import torch

    from pytest_onnxaccel.backends.pytorch.argument_names import bind
    from pytest_onnxaccel.convert.from_pytorch.errors import refused

    module = loaded.module.to(device_called(options.device)) if options.device else loaded.module
    known = _known(loaded)
    _fits_program(loaded, examples(options, known))
    given, results = _runs(module, options, known)
    arguments, keywords = bind(module, given.tensors)
    order = _order(module, given)
    opset = options.opset or OPSET
    outputs = _output_names([name for name, _ in results], options.outputs, order)
    suffix = f"-batch-{options.batch}" if isinstance(options.batch, int) else ""
    path = os.path.join(folder, f"{options.stem}{suffix}.onnx")
    asked = {"input_names": order, "output_names": outputs, "opset_version": opset}
    try:
        with quiet() as said, torch.no_grad():
            (dynamo if exporter == "dynamo" else torchscript)(module, arguments, keywords, given, path, asked)
    except Exception as error:
        raise refused(error, exporter, module, arguments, keywords, opset, given) from None
    axes = _output_axes(module, options, known, given, outputs, results)
    declare(path, order, outputs, given, axes)
    info = _checked(path, order, outputs, given, options.opset, exporter)
    notes = [f"tracing has fixed what the source decides at {place}" for place in said[:3]]
    notes += [f"input {name!r} has no effect and is left out" for name in order if name not in _names(info.inputs)]
    return _Made(path, info, notes)


def _runs(
    module: torch.nn.Module, options: ConvertOptions, known: Sequence[TensorSpec], turn: int = 0
) -> tuple[Examples, list[tuple[str, Any]]]:
    """Return examples that the *module* runs on, with what it gives: names and tensors.

    Raises:
        ModelError: it does not run.
    """
    import torch

    from pytest_onnxaccel.backends.pytorch.argument_names import bind, flatten
    from pytest_onnxaccel.backends.pytorch.session import failed

    given = examples(options, known, turn)
    arguments, keywords = bind(module, given.tensors)
    try:
        with torch.no_grad():
            result = module(*arguments, **keywords)
            register(result)
            return given, flatten(result)
    except OnnxAccelError:
        raise
    except Exception as error:
        raise failed(error) from None


def _output_axes(
    module: torch.nn.Module,
    options: ConvertOptions,
    known: Sequence[TensorSpec],
    given: Examples,
    outputs: Sequence[str],
    results: Sequence[tuple[str, Any]],
) -> dict[str, dict[int, str]]:
    """Return what the open axes of the outputs are called, found from two runs at different sizes."""
    if not given.axes:
        return {}
    other: Examples = given
    again: Sequence[tuple[str, Any]] = results
    with suppress(OnnxAccelError):  # where it does not run at others, one run must do
        other, again = _runs(module, options, known, turn=1)
    found: dict[str, dict[int, str]] = {}
    for name, (_, first), (_, second) in zip(outputs, results, again, strict=False):
        shapes = zip(getattr(first, "shape", ()), getattr(second, "shape", ()), strict=False)
        for axis, sizes in enumerate(shapes):
            dims = [d for d in given.names if (evaluate(d, given.sizes), evaluate(d, other.sizes)) == sizes]
            if sizes[0] != sizes[1] or (dims and other is given):
                found.setdefault(name, {})[axis] = dims[0] if dims else ""
    return found


def _known(loaded: Loaded) -> list[TensorSpec]:
    """Return the inputs that an exported program declares; none for the other kinds, which declare none."""
    if loaded.program is None:
        return []
    nodes = {node.name: node for node in loaded.program.graph.nodes if node.op == "placeholder"}
    found = []
    for name in loaded.program.graph_signature.user_inputs:
        value: Any = nodes[name].meta.get("val") if name in nodes else None
        if hasattr(value, "shape"):
            shape = tuple(size if isinstance(size, int) else str(size) for size in value.shape)
            found.append(TensorSpec(name, str(value.dtype).removeprefix("torch."), shape))
    return found


def _fits_program(loaded: Loaded, given: Examples) -> None:
    """Refuse a batch that an exported program, which is frozen to its own, cannot have.

    Raises:
        ConversionError: as it says.
    """
    for spec, tensor in zip(_known(loaded), given.tensors.values(), strict=False):
        if not spec.shape or not isinstance(spec.shape[0], int):
            continue
        if given.dynamic or tensor.shape[0] != spec.shape[0]:
            asked = "a dynamic batch" if given.dynamic else f"batch {tensor.shape[0]}"
            raise ConversionError(
                f"the exported program is frozen to batch {spec.shape[0]} and cannot give {asked}",
                remedy="export the program with a dynamic batch, or give the state dict with a loader",
            )


def _order(module: torch.nn.Module, given: Examples) -> list[str]:
    """Return input names in the order in which the module takes them."""
    from pytest_onnxaccel.backends.pytorch.argument_names import parameters

    names = parameters(module)
    return sorted(given.tensors, key=names.index) if set(given.tensors) <= set(names) else list(given.tensors)


def _output_names(found: Sequence[str], wanted: Sequence[str], inputs: Sequence[str]) -> list[str]:
    """Return the names for the outputs: those asked for, else the source's own keys, else made up.

    Raises:
        ConversionError: another number of names is asked for than there are outputs.
        ConfigError: a name that is asked for is there already, as that of another output or of one of *inputs*.
    """
    if wanted:
        for place, name in enumerate(wanted):
            other = "an input" if name in inputs else "another output" if name in wanted[:place] else ""
            if other:
                raise ConfigError(
                    f"{name!r} cannot name an output: it is the name of {other}", remedy="name it otherwise"
                )
        if len(wanted) != len(found):
            raise ConversionError(
                f"it gives {len(found)} outputs and {len(wanted)} names were given ({', '.join(wanted)})",
                remedy="name every output, in order",
            )
        return list(wanted)
    if all(found) and len(set(found)) == len(found):
        return list(found)
    return ["output"] if len(found) == 1 else [f"output_{index}" for index in range(len(found))]


def _names(specs: Sequence[TensorSpec]) -> list[str]:
    return [spec.name for spec in specs]


def _checked(
    path: str, inputs: Sequence[str], outputs: Sequence[str], given: Examples, opset: int | None, exporter: str
) -> ModelInfo:
    """Return what the written file declares, when that is what was asked for.

    Raises:
        ConversionError: another opset, other names, or a size that is frozen where it should stay open.
    """
    import onnx

    from pytest_onnxaccel.graph.describe import describe

    info = describe(onnx.load(path, load_external_data=False))
    if opset is not None and info.opset != opset:
        raise ConversionError(
            f"asked for opset {opset}, the {exporter} exporter wrote opset {info.opset}",
            remedy="use the torchscript exporter for older opsets" if exporter == "dynamo" else "ask for another",
        )
    if _names(info.outputs) != list(outputs) or not set(_names(info.inputs)) <= set(inputs):
        found = f"{', '.join(_names(info.inputs))} -> {', '.join(_names(info.outputs))}"
        raise ConversionError(
            f"the {exporter} exporter did not keep the names: {found}", remedy="try the other exporter"
        )
    for spec in info.inputs:
        for axis, dim in given.axes.get(spec.name, {}).items():
            if isinstance(dim_at(spec, axis), int):
                raise stuck(f"input {spec} came out frozen to {dim_at(spec, axis)}", dim, given)
        carries = given.batch is not None and not given.dynamic and spec.name in given.batched
        if carries and given.batch not in (spec.shape or ()):
            raise ConversionError(f"asked for batch {given.batch}, input {spec} came out")
    return info
