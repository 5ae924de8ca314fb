"""Saving a re-frozen model: whole or not at all, with its external data, and never over the original's."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.runner.conversion import freeze as refreeze


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A candidate with two files of external data."""
    folder = tmp_path / "made"
    folder.mkdir()
    for name, text in (("m-batch-3.onnx", "model"), ("m-batch-3.onnx.data", "one"), ("m-batch-3.onnx.data1", "two")):
        (folder / name).write_text(text)
    return folder / "m-batch-3.onnx"


def test_external_data_goes_beside_it_and_the_model_comes_last(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.onnx"
    written = list(refreeze.save(str(made), str(target), frozenset()))
    assert [Path(path).name for path in written] == ["m-batch-3.onnx.data", "m-batch-3.onnx.data1", "out.onnx"]
    assert target.read_text() == "model"
    assert (tmp_path / "m-batch-3.onnx.data1").read_text() == "two"


def test_weights_of_the_original_are_never_replaced(made: Path, tmp_path: Path) -> None:
    own = tmp_path / "m-batch-3.onnx.data"
    own.write_text("precious")
    with pytest.raises(ModelError, match="weights of the model itself"):
        list(refreeze.save(str(made), str(tmp_path / "out.onnx"), {str(own.resolve())}))
    assert own.read_text() == "precious"
    assert not (tmp_path / "out.onnx").exists()


def test_what_cannot_be_written_leaves_nothing_behind(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "out.onnx"
    target.write_text("the one before")
    monkeypatch.setattr(refreeze.os, "fsync", full)
    with pytest.raises(ModelError, match="cannot be written: No space left on device") as caught:
        list(refreeze.save(str(made), str(target), frozenset()))
    assert caught.value.code == "E_FILE"
    assert target.read_text() == "the one before"
    assert not list(tmp_path.glob("*.tmp"))
