"""The two exporters of PyTorch, with their remarks kept from the log."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.convert.from_pytorch.declared_sizes import separate
from pytest_onnxaccel.convert.from_pytorch.example_inputs import Examples

if TYPE_CHECKING:
    import torch

#: PyTorch's own modules decide by sizes that they know how to export.
_OWN = f"{os.sep}torch{os.sep}"
#: A protobuf file holds at most 2 GiB; larger weights go beside it.
_LARGEST = 2_000_000_000


def dynamo(
    module: torch.nn.Module,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    given: Examples,
    path: str,
    asked: Mapping[str, Any],
) -> None:
    """Write *module* to *path* through the dynamo exporter.

    Args:
        module: in eval mode.
        arguments: positional examples.
        keywords: examples by name.
        given: the examples with their open axes.
        path: the ONNX file to write.
        asked: input and output names and the opset, as ``torch.onnx.export`` takes them.
    """
    import torch

    shapes: Any = None
    if given.axes:
        # Names and no `Dim`: those would insist that sizes which follow from others are independent
        plain = {dim: dim if dim.isidentifier() else f"size_{index}" for index, dim in enumerate(given.names)}
        axes = {name: {axis: plain[dim] for axis, dim in found.items()} for name, found in given.axes.items()}
        each = {name: axes.get(name) for name in given.tensors}
        # In the order of the module's arguments, which the names of the inputs are in too
        shapes = each if keywords else _nested(module, tuple(each[name] for name in asked["input_names"]))
    # The module and not the program: exported again, its names and its batch are ours to choose
    program = torch.onnx.export(
        module,
        arguments,
        kwargs=dict(keywords) or None,
        dynamo=True,
        dynamic_shapes=shapes,
        verbose=False,
        **asked,
    )
    separate(program.model.graph, asked["input_names"], asked["output_names"])
    weights = sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))
    program.save(path, external_data=weights > _LARGEST)


def _nested(module: torch.nn.Module, shapes: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return *shapes* of positional arguments, those that a ``*args`` of the module's forward takes as one."""
    import inspect

    try:
        taken = [parameter.kind for parameter in inspect.signature(module.forward).parameters.values()]
    except (TypeError, ValueError):
        return shapes
    if inspect.Parameter.VAR_POSITIONAL not in taken:
        return shapes
    place = taken.index(inspect.Parameter.VAR_POSITIONAL)
    return (*shapes[:place], shapes[place:])


def torchscript(
    module: torch.nn.Module,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    given: Examples,
    path: str,
    asked: Mapping[str, Any],
) -> None:
    """Export through the TorchScript exporter."""
    import torch

    axes = {name: dict(found) for name, found in given.axes.items()} or None
    torch.onnx.export(
        module, arguments, path, kwargs=dict(keywords) or None, dynamo=False, dynamic_axes=axes, verbose=False, **asked
    )


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Keep the exporters' remarks from the log; where a trace has fixed a decision of the source is collected."""
    import torch

    said: list[str] = []
    logs = [
        logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export", "torch._export")
    ]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield said
        said += dict.fromkeys(
            f"{os.path.basename(one.filename)}:{one.lineno}"
            for one in caught
            if issubclass(one.category, torch.jit.TracerWarning) and _OWN not in one.filename
        )
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)
