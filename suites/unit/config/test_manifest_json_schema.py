"""The JSON Schema of the manifest: complete, and of one opinion with what reads the manifest."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from pytest_onnxaccel.config.schema.json_schema import TYPES, schema
from pytest_onnxaccel.config.schema.tables import TABLES

DOCS = Path(__file__).parents[3] / "docs"


def test_every_kind_of_value_is_mapped() -> None:
    assert {key.type for table in TABLES for key in table.keys} <= set(TYPES)
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(("table", "key"), [(t.title, k.name) for t in TABLES for k in t.keys])
def test_each_example_of_the_reference_is_valid(table: str, key: str) -> None:
    kind = next(t for t in TABLES if t.title == table)
    example = tomllib.loads(f"x = {next(k for k in kind.keys if k.name == key).example}")["x"]
    jsonschema.validate(example, TYPES[next(k for k in kind.keys if k.name == key).type])


def test_the_manifest_of_the_page_is_valid() -> None:
    (text,) = re.findall(
        r"```toml\n(\[defaults\].*?)```", (DOCS / "manifest.md").read_text(encoding="utf-8"), re.DOTALL
    )
    jsonschema.validate(tomllib.loads(text), schema())


@pytest.mark.parametrize(
    "wrong",
    [
        '[models.a]\npath = "a.onnx"\nbtch = 3',
        "[models.a]\nbatch = 3",
        '[models.a]\npath = "a.onnx"\n[models.a.budget]\np_95 = "12ms"',
        '[models.a]\npath = "a.onnx"\n[models.a.inputs.x]\nrange = [1]',
        '[models.a]\npath = "a.onnx"\nallow_inf = 3',
        '[models.a]\npath = "a.onnx"\nallow_random = []',
        '[models.a]\npath = "a.onnx"\n[models.a.outputs.y]\ncompare = 3',
        '[models.a]\npath = "a.onnx"\n[models.a.known]\nstructure = "bug 12"',
        '[models.a]\npath = "a.onnx"\n[models.a.known]\nstructure = {code = "E_GRAPH"}',
        "[model.a]",
    ],
)
def test_what_the_manifest_refuses_the_schema_does(wrong: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(wrong), schema())


def test_free_tables_take_names_of_the_user() -> None:
    text = '[models.a]\npath = "a.onnx"\n[models.a.dims]\nseq = [4, 8]\n[models.a.checks.mine]\nallowed = ["Relu"]'
    jsonschema.validate(tomllib.loads(text), schema())


def test_comparisons_and_known_faults_have_their_forms() -> None:
    text = (
        '[models.a]\npath = "a.onnx"\nallow_inf = ["y"]\nallow_random = true\n[models.a.outputs.y]\ncompare = "rows"\n'
        '[models.a.outputs.z]\ncompare = {kind = "cosine", limit = 0.9}\n'
        '[models.a.known]\nstructure = "E_GRAPH: bug 12"\n'
        '"parity[ort-cpu~golden]" = {code = "V_PARITY", reason = "bug 13", outputs = ["y"]}'
    )
    jsonschema.validate(tomllib.loads(text), schema())


def test_the_file_is_that_of_the_tables() -> None:
    assert json.loads((DOCS / "onnxaccel.schema.json").read_text(encoding="utf-8")) == schema()
