"""The layout's rules: small files, small folders, one name for one module in a package."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Lines of a module, and modules of a folder: beyond that a stranger no longer sees what belongs together.
LINES, MODULES = 400, 15


def modules(top: Path) -> list[Path]:
    """The modules under *top*, without ``__init__``, which says only what the package is."""
    return [file for file in sorted(top.rglob("*.py")) if file.name != "__init__.py"]


def long_files(top: Path) -> list[str]:
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in modules(top)}
    return [f"{file.relative_to(top)}: {lines}" for file, lines in lengths.items() if lines > LINES]


def full_folders(top: Path) -> list[str]:
    counts = Counter(file.parent for file in modules(top))
    return [f"{folder.relative_to(top)}: {count}" for folder, count in counts.items() if count > MODULES]


def test_no_module_is_long() -> None:
    assert not long_files(ROOT / "pytest_onnxaccel"), "split by purpose"


@pytest.mark.parametrize("top", ["pytest_onnxaccel", "suites"])
def test_no_folder_is_full(top: str) -> None:
    assert not full_folders(ROOT / top), "group what belongs together"


def test_what_is_too_large_is_found(tmp_path: Path) -> None:
    for number in range(MODULES + 1):
        (tmp_path / f"m{number}.py").write_text("\n" * (LINES + (number == 3)))
    (tmp_path / "__init__.py").write_text("\n" * 999)
    assert long_files(tmp_path) == [f"m3.py: {LINES + 1}"]
    assert full_folders(tmp_path) == [f".: {MODULES + 1}"]
