"""Seeded convolutional networks with BatchNormalization, and their export with every normalization in place."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

SHAPE = (1, 3, 18, 18)


def network(seed: int, depth: int = 6, channels: int = 16, gain: float = 1.0, offset: float = 0.0) -> nn.Sequential:
    """1x3x18x18 float32 -> 1x10 float32 around *offset*, spread by *gain*; statistics as if it had been trained."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for index in range(depth):
        inner = nn.Conv2d(3 if index == 0 else channels, channels, 3, 2 if index == 1 else 1, padding=1, bias=False)
        layers += [inner, nn.BatchNorm2d(channels), nn.ReLU()]
    made = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(channels * 9, 10))
    with torch.no_grad():
        for module in made:
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 2)
                module.bias.normal_(0.2, 0.5)
                module.running_mean.normal_(0, 0.5)  # type: ignore[union-attr]
                module.running_var.uniform_(0.2, 3)  # type: ignore[union-attr]
        made[-1].weight.mul_(gain)  # type: ignore[operator, union-attr]
        made[-1].bias.mul_(gain).add_(offset)  # type: ignore[operator, union-attr]
    return made.eval()


def exported(model: nn.Module) -> onnx.ModelProto:
    """The model with input ``input`` and output ``scores``; BatchNormalization stays a node of its own."""
    target = io.BytesIO()
    with _quiet():
        torch.onnx.export(
            model, (torch.zeros(SHAPE),), target, dynamo=False, opset_version=17, input_names=["input"],
            output_names=["scores"], do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
        )  # fmt: skip
    return onnx.load_from_string(target.getvalue())


def liveliest(model: nn.Sequential, conv: int, images: NDArray[np.float32]) -> int:
    """Channel of the *conv*-th convolution (from 0) whose activation behind ReLU varies most: its fault is seen."""
    with torch.no_grad():
        seen = model[: 3 * conv + 3](torch.from_numpy(images))
    return int(seen.std(dim=(0, 2, 3)).argmax())


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
