"""The speed table as text and in the JSON report, which keeps all else that it holds."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from pytest_onnxaccel.checks.speed.table import ADVISED, ONNX_TF, SHIPPED, SOURCE, TWIN, SpeedTable, Way, control, rows
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.report.formats import write_report
from pytest_onnxaccel.report.run_report import report_from
from pytest_onnxaccel.report.speed_table import check_target, speed_lines, write_speed
from suites.unit.checks.speed.test_turns import blocks
from suites.unit.report.test_json_report import RESULTS, RUN

SCHEMA = json.loads(files("pytest_onnxaccel.report").joinpath("schema-v1.json").read_text())
WAYS = (
    Way(SOURCE, "PyTorch 2.13, net.pth"),
    Way(ONNX_TF, "onnx-tf", "its environment is not built", "python -m pytest_onnxaccel env onnx-tf"),
    Way(SHIPPED, "ONNX Runtime 1.32, as shipped", notes=("outputs differ from the model as shipped: by 1",)),
    Way(ADVISED, "ONNX Runtime 1.32, as advised"),
)
TAKEN = {SOURCE: blocks(20), SHIPPED: blocks(8, seed=1), TWIN: blocks(8, seed=3), ADVISED: blocks(2, seed=2)}
FACTS = {
    "backend": "ort-cpu", "threads": None, "seed": 0, "batch": 1, "inputs": {"x": [1, 3]},
    "versions": {"onnxruntime": "1.32"},
}  # fmt: skip
TABLE = SpeedTable("net.onnx", rows(WAYS, TAKEN), control(TAKEN), 40, 2, 61.0, FACTS, ("advised: simpler",))


def test_the_table() -> None:
    lines = speed_lines(TABLE)
    assert lines[:2] == [
        "net.onnx: x 1x3; each with its own number of threads",
        "all in turn, 40 samples of each in 61 s, in 2 runs of the command",
    ]
    head, rule, source, tensorflow, shipped, advised = lines[3:9]
    assert head.split("  ")[-2:] == ["times as fast as PyTorch", "times as fast as shipped"]
    assert set(rule) == {"-"}
    assert source.startswith("PyTorch 2.13, net.pth")
    assert source.endswith("  1")
    assert tensorflow.split("  - ")[1] == "its environment is not built: python -m pytest_onnxaccel env onnx-tf"
    assert shipped.endswith("  1")
    assert "8 (7.98 to 8.03)   2.51 (2.5 to 2.52)  " in shipped
    assert re.search(r"2 \(.*\) +10\.?\d* \(.*\) +(4|4\.0\d?|3\.9\d?) \(.*\)$", advised)
    assert lines[10].startswith("control: a second session of the model as shipped is ")
    assert "not fit" not in lines[10]
    assert lines[11:] == [
        "ONNX Runtime 1.32, as shipped: outputs differ from the model as shipped: by 1", "advised: simpler",
    ]  # fmt: skip


def test_one_row_alone_has_nothing_to_be_faster_than() -> None:
    alone = replace(TABLE, rows=rows(WAYS, {SHIPPED: TAKEN[SHIPPED]}), control=None, runs=1)
    text = "\n".join(speed_lines(alone))
    assert "times as fast" not in text
    assert "control" not in text
    assert "in 61 s\n" in text


def test_no_interval_is_ever_from_nothing_to_infinity() -> None:
    few = {key: taken[:2] for key, taken in TAKEN.items()}
    text = "\n".join(speed_lines(replace(TABLE, rows=rows(WAYS, few), control=control(few))))
    assert "(no bounds: too few pairs in the time)" in text
    assert "inf" not in text.replace("information", "")


def test_an_unfit_machine_is_said() -> None:
    other = {**TAKEN, TWIN: blocks(9, seed=3)}
    assert "the machine is not fit to tell small differences" in "\n".join(
        speed_lines(replace(TABLE, control=control(other)))
    )


def test_a_new_report(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_speed(path, [TABLE])
    report = json.loads(path.read_text())
    jsonschema.validate(report, SCHEMA)
    (entry,) = report["speed"]
    assert [row["key"] for row in entry["rows"]] == [SOURCE, ONNX_TF, SHIPPED, ADVISED]
    assert [row["timed"] for row in entry["rows"]] == [True, False, True, True]
    assert entry["rows"][3]["times"]["shipped"]["ratio"] == pytest.approx(4, rel=0.02)
    assert (entry["runs"], entry["pairs"], entry["fit"]) == (2, 40, True)
    assert report["models"][0]["name"] == "net.onnx"
    assert report["run"]["versions"] == {"onnxruntime": "1.32"}


def test_a_report_that_is_there_keeps_all_else(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_report(path, report_from(RESULTS, RUN))
    before = json.loads(path.read_text())
    check_target(path)
    write_speed(path, [TABLE])
    write_speed(path, [replace(TABLE, model="other.onnx")])
    write_speed(path, [replace(TABLE, pairs=80)])  # the same model once more
    after = json.loads(path.read_text())
    jsonschema.validate(after, SCHEMA)
    assert [(entry["model"], entry["pairs"]) for entry in after["speed"]] == [("other.onnx", 40), ("net.onnx", 80)]
    assert {key: value for key, value in after.items() if key != "speed"} == before


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "onnxaccel-report", "version": 2}', "<xml/>"])
def test_another_file_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "out.json"
    path.write_text(text)
    for refused in (lambda: check_target(path), lambda: write_speed(path, [TABLE])):
        with pytest.raises(ConfigError, match="is there already"):
            refused()
    assert path.read_text() == text
