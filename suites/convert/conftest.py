"""Sources to convert, and what converts them, in the process of the suite or in workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_nets import seeded

from pytest_onnxaccel.convert.formats import kind_of
from pytest_onnxaccel.convert.from_pytorch.converter import TorchOnnx
from pytest_onnxaccel.convert.protocol import Converted, ConvertOptions
from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.staging.stage_source import StagedSource, stage_source
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

HERE = str(Path(__file__).parent)
X = (TensorSpec("x", "float32", (1, 4, 4)),)


@pytest.fixture
def weights(tmp_path: Path) -> Callable[..., Path]:
    """``weights(Mlp)``: the state dict of a seeded module as a file."""

    def save(build: Any, name: str = "net.pth", seed: int = 0) -> Path:
        path = tmp_path / name
        torch.save(seeded(build, seed).state_dict(), path)
        return path

    return save


@pytest.fixture
def staged(tmp_path: Path) -> Callable[[Path], StagedSource]:
    def stage(path: Path) -> StagedSource:
        return stage_source(str(path), path.name, str(tmp_path / f"staged-{len(list(tmp_path.iterdir()))}"), kind_of)

    return stage


@pytest.fixture
def export(tmp_path: Path, staged: Callable[[Path], StagedSource]) -> Callable[..., Converted]:
    """``export(path, loader=...)``: the file at *path* converted to ONNX in this process."""

    def convert(path: Path, **options: Any) -> Converted:
        source = staged(path)
        folder = tmp_path / f"made-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        wanted = ConvertOptions(**{"inputs": X, "import_paths": (HERE,), **options})
        return TorchOnnx().convert(source.path, source.kind, "onnx", str(folder), wanted)

    return convert


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Callable[..., Engines]]:
    """``engines()``: of a run with a cache of its own; each is closed afterwards."""
    made: list[Engines] = []

    def make(**options: Any) -> Engines:
        defaults = {"limits": Limits(seconds=120), "import_paths": (HERE,), "cache": str(tmp_path / "cache")}
        made.append(Engines(RunOptions(**{**defaults, **options})))
        return made[-1]

    yield make
    for one in made:
        one.close()
