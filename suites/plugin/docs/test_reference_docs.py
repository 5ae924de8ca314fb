"""The reference pages say what the tables say."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_onnxaccel.config.schema.tables import TABLES
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.plugin import reference_docs as reference
from pytest_onnxaccel.plugin.fixtures import backend_handle, handles, models
from pytest_onnxaccel.plugin.fixtures import convert as conversions
from pytest_onnxaccel.plugin.fixtures.table import FIXTURES
from pytest_onnxaccel.plugin.markers.table import MARKERS
from pytest_onnxaccel.plugin.options.read import OPTIONS

ROOT = Path(__file__).parents[3]


def test_the_pages_of_the_repository_are_up_to_date() -> None:
    command = [sys.executable, "-m", "pytest_onnxaccel.plugin.reference_docs", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_check_writes_nothing_and_names_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(["--check", "--docs", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 6  # five pages and the schema
    assert "options.md: differs from the tables" in printed.out
    assert printed.err == "run: python -m pytest_onnxaccel.plugin.reference_docs\n"
    assert not list(tmp_path.iterdir())


def test_writing_keeps_the_words_around_the_generated_part(tmp_path: Path) -> None:
    path = tmp_path / "options.md"
    path.write_text(f"before\n\n{reference.BEGIN}\nstale\n{reference.END}\n\nafter \\1\n")
    assert reference.main(["--docs", str(tmp_path)]) == 0
    text = path.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter \\1\n")
    assert "stale" not in text
    assert reference.main(["--check", "--docs", str(tmp_path)]) == 0


def test_every_row_of_every_table_is_there() -> None:
    options = reference.options_block()
    assert all(f"| `{option.key}` |" in options and option.flag in options for option in OPTIONS)
    markers = reference.markers_block()
    assert all(f"`{argument.name}`" in markers for marker in MARKERS for argument in marker.arguments)
    fixtures = reference.fixtures_block()
    assert all(f"## `{fixture.name}`" in fixtures for fixture in FIXTURES)
    manifest = reference.manifest_block()
    assert all(f"| `{key.name}`" in manifest for table in TABLES for key in table.keys)


def test_a_bar_in_a_cell_does_not_split_it() -> None:
    row = next(line for line in reference.options_block().splitlines() if "--onnx-hygiene=" in line)
    assert "--onnx-hygiene=warn\\|fail" in row
    assert row.replace("\\|", "").count("|") == 5


def test_fixtures_have_the_attributes_of_the_table() -> None:
    classes = {
        "onnx_model": handles.OnnxModel,
        "onnx_models": models.OnnxModels,
        "backend": backend_handle.BackendHandle,
        "frozen_batch": handles.FrozenBatch,
        "convert": conversions.ConvertedModel,
    }
    of_results = {field.name for field in dataclasses.fields(CheckResult)}
    for fixture in FIXTURES:
        if fixture.name == "round_trip":  # gives a result, of which the table tells what one looks at
            assert {name for name, _ in fixture.attributes} <= of_results
            continue
        made = inspect.getsource(classes[fixture.name])
        public = {a or b for a, b in re.findall(r"self\.(\w+) = |def (\w+)\(", made)}
        documented = {name.partition("(")[0] for name, _ in fixture.attributes} - {"[name]"}
        assert documented == {name for name in public if not name.startswith("_")}


def test_signatures_name_exactly_the_arguments() -> None:
    for marker in MARKERS:
        if marker.arguments:
            named = [part.partition("=")[0].strip() for part in marker.signature.split(",")]
            assert named == ["*", *(argument.name for argument in marker.arguments)]
