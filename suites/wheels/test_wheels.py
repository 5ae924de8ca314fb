"""The table of models from wheels: what is taken out of a wheel, and what a row says. Nothing is downloaded."""

from __future__ import annotations

import zipfile
from pathlib import Path

import onnx
import pytest

from fixtures import graphs
from suites.wheels.run import gated, main, models
from suites.wheels.table import Gated, page, problems


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A folder with a wheel of two files, one of them a model."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tagger-1.2-py3-none-any.whl", "w") as archive:
        archive.writestr("tagger/models/small.onnx", graphs.int_tokens().SerializeToString())
        archive.writestr("tagger/__init__.py", "raise RuntimeError('a package that is tried is not imported')")
    return folder


def test_models_are_taken_out_of_wheels_and_of_folders(wheel: Path, tmp_path: Path) -> None:
    (wheel / "plain-0.1").mkdir()
    onnx.save(graphs.int_tokens(), wheel / "plain-0.1" / "other.onnx")
    found = [(package, path.name) for package, path in models(wheel, tmp_path / "out")]
    assert found == [("tagger 1.2", "small.onnx"), ("plain-0.1", "other.onnx")]


def test_a_model_is_gated_and_its_row_says_what_it_was_fed(wheel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(wheel), "--backends", "ort-cpu"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "small.onnx" in line)
    assert "tagger 1.2" in row
    assert "(graph)" in row
    assert "contract passed, parity passed" in row
    assert "%" in row


def test_what_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    found = gated("", tmp_path / "bad.onnx", "ort-cpu")
    assert any("bad.onnx structure" in line for line in problems([found]))
    assert "structure FAILED" in page([found])


def test_a_run_without_a_report_is_told() -> None:
    assert problems([Gated("", "m.onnx", (), "it died")]) == ["m.onnx: no report: it died"]
