"""The table of ``keras.applications`` (benchmarks/keras_applications.py): one small family goes all the way."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("keras_applications", ROOT / "benchmarks" / "keras_applications.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_family_is_listed(table: ModuleType) -> None:
    every = table.every()
    assert set(table.FAMILIES) <= set(every)
    page = (ROOT / "docs" / "conversions-tensorflow.md").read_text(encoding="utf-8")
    for name in table.FAMILIES:
        assert f"| {name} |" in page, f"{name} is not in the docs' table"


def test_a_small_one_is_converted_and_proven(
    table: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table.row("MobileNetV3Small", tmp_path, "600s"), capsys.readouterr().out
    assert capsys.readouterr().out.startswith("| MobileNetV3Small | 32x32 | 1.5 M | ")
