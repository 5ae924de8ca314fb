"""Cases of the corpus: a function registered as a seeded module, its export, and what torch itself gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Case:
    """One module: how to build it, the shape of one sample of each input, and who exports it."""

    name: str
    build: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...] = ((3, 16, 16),)
    dynamo: bool = False
    integers: bool = False
    train: bool = False


class Plain(nn.Module):
    """A function as a module, with submodules where it needs weights."""

    def __init__(self, function: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(self, *inputs)


CASES: list[Case] = []
#: Modules that work across the samples of a batch.
MIXING: set[str] = set()
#: Modules whose own code names the batch of 1, so that torch itself is not a yardstick at another batch.
BAKED: set[str] = set()


def case(
    *shapes: tuple[int, ...],
    dynamo: bool = False,
    integers: bool = False,
    train: bool = False,
    mixes: bool = False,
    baked: bool = False,
    **parts: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a forward function as a module; *parts* are callables that build its submodules."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        def build() -> nn.Module:
            return Plain(function, **{name: make() for name, make in parts.items()})

        name = function.__name__
        CASES.append(Case(name, build, shapes or ((3, 16, 16),), dynamo, integers, train))
        if mixes:
            MIXING.add(name)
        if baked:
            BAKED.add(name)
        return function

    return register


def prepared(item: Case, batch: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The seeded module, in the mode that it is exported in, and inputs of *batch* samples."""
    torch.manual_seed(7)
    model = item.build()
    model.train(item.train)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None and part.running_var is not None:
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    shapes = [(batch, *shape) for shape in item.shapes]
    return model, tuple(torch.randint(0, 20, s) if item.integers else torch.randn(s) for s in shapes)


def export(item: Case, folder: Path, batch: int = 1, dynamo: bool | None = None) -> Path:
    """Export *item* at *batch*; gives the path of the one file."""
    model, inputs = prepared(item, batch)
    path = folder / f"{item.name}.onnx"
    new = item.dynamo if dynamo is None else dynamo
    extra: dict[str, Any] = {"external_data": False, "verbose": False} if new else {"opset_version": 17}
    if item.train and not new:
        extra["training"] = torch.onnx.TrainingMode.TRAINING
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, inputs, str(path), dynamo=new, **extra)
    return path


def torch_results(item: Case, batch: int) -> tuple[list[Any], list[Any]]:
    """Inputs of *batch* samples and what torch itself gives for them, as arrays."""
    model, inputs = prepared(item, batch)
    with torch.no_grad():
        results = model(*inputs)
    flat: list[Any] = [results] if isinstance(results, Tensor) else list(results)
    return [x.numpy() for x in inputs], [y.numpy() for y in flat]
