"""``compare`` in conversions: what the ONNX file tells of its outputs, and what the user says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from pytest_onnxaccel.__main__ import main
from pytest_onnxaccel.core.errors import ConfigError, ConversionError
from pytest_onnxaccel.runner.conversion.convert import Saved, convert_source
from pytest_onnxaccel.runner.request import RunOptions

JUDGES = """
def agree(candidate, reference):
    return candidate.shape == reference.shape

def never(candidate, reference):
    return "never alike"
"""


class Detector(nn.Module):
    """The best 20 of 144 cells, with their indices."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.scores = nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values, indices = torch.relu(self.scores(x)).flatten(1).topk(20)
        return values, indices


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / "detector.pt"
    torch.jit.trace(Detector().eval(), torch.randn(1, 3, 12, 12)).save(str(path))
    (path.parent / "judges.py").write_text(JUDGES)
    return path


def converted(source: Path, folder: Path, compare: object) -> Saved:
    return convert_source(
        source, folder / "made.onnx", inputs=["x:float32:1x3x12x12"], outputs=["values", "indices"],
        options=RunOptions(in_process=True, import_paths=(str(source.parent),)), compare=compare,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("compare", [None, {"values": "cosine:0.999"}, {"values": "judges:agree"}])
def test_a_conversion_with_rankings_is_proven(source: Path, compare: object, tmp_path: Path) -> None:
    saved = converted(source, tmp_path, compare)
    assert saved.proof is not None
    assert Path(saved.path).is_file()


def test_what_the_users_function_refuses_is_not_saved(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="never alike"):
        converted(source, tmp_path, {"values": "judges:never"})
    assert not (tmp_path / "made.onnx").exists()


def test_an_output_that_is_not_there_is_an_error(source: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="compare names output 'rows'"):
        converted(source, tmp_path, {"rows": "rows"})
    with pytest.raises(ConfigError, match="'banana' is not a comparison"):
        converted(source, tmp_path, "banana")


def test_the_command_takes_it(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["convert", str(source), "--input", "x:float32:1x3x12x12", "--outputs", "values,indices"]
    given += ["-o", str(tmp_path / "made.onnx")]
    assert main([*given, "--compare", "values=cosine:0.999"]) == 0
    assert main([*given, "--compare", "values=cosine"]) != 0
    assert "cosine has no limit" in capsys.readouterr().err
