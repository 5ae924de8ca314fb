"""Tiny transformers converted once for all tests: their weights and their ONNX files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_nets import NETS, seeded

from pytest_onnxaccel import convert_source
from pytest_onnxaccel.runner.conversion.convert import Saved
from pytest_onnxaccel.runner.request import RunOptions

HERE = str(Path(__file__).parent)


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Saved]:
    """``converted("encoder")``: its weights as ``encoder.pth``, converted to ``encoder.onnx`` beside it."""
    folder = tmp_path_factory.mktemp("tiny")
    made: dict[tuple[str, str], Saved] = {}

    def convert(name: str, exporter: str = "dynamo") -> Saved:
        if (name, exporter) not in made:
            build, inputs, outputs = NETS[name]
            torch.save(seeded(build).state_dict(), folder / f"{name}.pth")
            options = RunOptions(import_paths=(HERE,), cache=str(folder / "cache"))
            suffix = "" if exporter == "dynamo" else f"-{exporter}"
            made[name, exporter] = convert_source(
                folder / f"{name}.pth", folder / f"{name}{suffix}.onnx", loader=f"tiny_nets:{build.__name__}",
                inputs=inputs, outputs=outputs, exporter=exporter, options=options,
            )  # fmt: skip
        return made[name, exporter]

    return convert
