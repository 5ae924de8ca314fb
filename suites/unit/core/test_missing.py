"""What is said of a path at which there is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_onnxaccel.core.lookup.missing import looked_for


def test_the_nearest_folder_that_exists_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    assert looked_for(tmp_path / "models" / "net.onnx") == f"no net.onnx in {tmp_path / 'models'}"
    assert looked_for(tmp_path / "nets" / "a" / "net.onnx") == f"no nets/a/net.onnx in {tmp_path}"


def test_a_relative_path_is_told_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert looked_for("net.onnx") == f"no net.onnx in {tmp_path}"
