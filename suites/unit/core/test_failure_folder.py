"""The folder of a failure: plain, short, and another one for another failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_onnxaccel.core.files.failure_folder import case_folder


def test_a_folder_is_called_by_what_failed(tmp_path: Path) -> None:
    made = case_folder(tmp_path, "sub/m.onnx", "parity", "ort-cpu", "good.onnx", "b1")
    assert made == tmp_path / "sub-m.onnx-parity-ort-cpu-good.onnx-b1"
    assert case_folder(tmp_path, "test_x[3-a b]") == tmp_path / "test_x-3-a-b"


@pytest.mark.parametrize("name", ["", "..", "/", "\udcff", "::error::\n##[x]", "\0", "模" * 300, "a" * 300, "~:\u202e"])
def test_any_name_is_one_plain_folder(tmp_path: Path, name: str) -> None:
    made = case_folder(tmp_path, name, "parity")
    made.mkdir()
    assert made.parent == tmp_path
    assert made.name.isprintable()
    assert len(made.name.encode()) < 140


def test_names_that_become_equal_are_told_apart(tmp_path: Path) -> None:
    names = ["a:b", "a;b", "a\nb", "a" * 200 + "b", "a" * 200 + "c", "模" * 100, "模" * 101]
    assert len({case_folder(tmp_path, name) for name in names}) == len(names)
    assert case_folder(tmp_path, names[0]) == case_folder(tmp_path, names[0])
