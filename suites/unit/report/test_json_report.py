"""The JSON report: its form, its order, and how it reaches the disk."""

from __future__ import annotations

import json
import os
import random
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.formats import renderer_for, write_report
from pytest_onnxaccel.report.json_page import render
from pytest_onnxaccel.report.json_report import dumps
from pytest_onnxaccel.report.run_info import RunFacts
from pytest_onnxaccel.report.run_report import report_from

DIFFERENCE = {"max_abs": 2.98e-07, "max_rel": "nan", "max_ulp": float("inf"), "cosine": 1.0, "rtol": 1e-5}
RESULTS = [
    CheckResult(
        "slim",
        "latency",
        Verdict.INCONCLUSIVE,
        code="V_LATENCY",
        message="noisy",
        backend="ort-cpu",
        batch=1,
        figures={
            "samples": 100,
            "p50_ms": 2.71,
            "threads": None,
            "budget": {"p95_ms": 12},
            "speedup_over": "onnx-tf",
        },
        duration_s=1.5,
    ),
    CheckResult(
        "rfb",
        "parity",
        Verdict.FAILED,
        code="V_PARITY",
        message="scores differs",
        backend="ort-cpu",
        reference="onnx-tf",
        batch=10,
        figures={**DIFFERENCE, "worst_index": (0, 212, 1), "outputs": {"scores": DIFFERENCE}, "samples": 3},
        details=("worst at scores[0,212,1]",),
        notes=("a prepared copy ran",),
        nodeid="rfb.onnx::parity[ort-cpu~onnx-tf-b10]",
    ),
    CheckResult("rfb", "parity", Verdict.PASSED, backend="ort-cpu", reference="onnx-tf", batch=2),
    CheckResult("rfb", "batch", Verdict.PASSED, backend="ort-cpu", figures={"sizes": [1, 2], "method": {"2": "dim"}}),
    CheckResult("rfb", "contract", Verdict.NOT_APPLICABLE, code="E_INPUT", message="strings", backend="ort-cpu"),
    CheckResult("rfb", "hygiene", Verdict.PASSED, figures={"findings": 1, "by_kind": {"unused": 1}}, warnings=("u",)),
    CheckResult("rfb", "structure", Verdict.PASSED, figures={"checker_ok": True, "opset": 9, "nodes": 120}),
]
RUN = RunFacts(
    started=1_700_000_000.0,
    duration_s=12.34567,
    exit_status=1,
    versions={"onnxruntime": "1.31.0", "numpy": "2.4.0"},
    settings={"onnx-seed": (0, "default"), "onnx-backend": (["ort-cpu"], "command line")},
).to_json()


def write(path: str | os.PathLike[str], results: list[CheckResult], run: Any) -> None:
    write_report(path, report_from(results, run))


@pytest.fixture(scope="module")
def schema() -> Any:
    text = files("pytest_onnxaccel.report").joinpath("schema-v1.json").read_text(encoding="utf-8")
    found = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(found)
    return found


@pytest.mark.parametrize("results", [RESULTS, []], ids=["results", "none"])
def test_it_follows_the_schema(schema: Any, results: list[CheckResult]) -> None:
    text = dumps(results, RUN, models=[{"name": "rfb", "path": "models/rfb.onnx"}, {"name": "unused"}])
    jsonschema.validate(json.loads(text), schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "ok"},
        {"code": "parity"},
        {"batch": "1"},
        {"check": "latency", "figures": {"p50_ms": "2.7 ms"}},
        {"check": "parity", "figures": {"outputs": {"scores": {"max_abs": "big"}}}},
    ],
)
def test_the_schema_refuses_what_is_wrong(schema: Any, change: dict[str, Any]) -> None:
    report = json.loads(dumps(RESULTS, RUN))
    report["results"][0].update(change)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, schema, cls=jsonschema.Draft202012Validator)


def test_its_parts() -> None:
    report = json.loads(dumps(RESULTS, RUN, models=[{"name": "slim", "path": "slim.onnx", "verdict": "passed"}]))
    assert list(report) == ["schema", "version", "run", "models", "summary", "results"]
    assert (report["schema"], report["version"]) == ("onnxaccel-report", 1)
    assert report["summary"] == {"passed": 4, "failed": 1, "inconclusive": 1, "not_applicable": 1}
    assert [(m["name"], m["verdict"], m.get("path")) for m in report["models"]] == [
        ("rfb", "failed", None),
        ("slim", "inconclusive", "slim.onnx"),
    ]
    assert [(r["model"], r["check"], r["batch"]) for r in report["results"]] == [
        ("rfb", "structure", None),
        ("rfb", "contract", None),
        ("rfb", "hygiene", None),
        ("rfb", "parity", 2),
        ("rfb", "parity", 10),
        ("rfb", "batch", None),
        ("slim", "latency", 1),
    ]
    row = report["results"][4]
    assert list(row)[:9] == [
        *("model", "check", "backend", "reference", "batch", "verdict", "code", "message", "figures")
    ]
    assert row["figures"]["worst_index"] == [0, 212, 1]
    assert row["figures"]["max_ulp"] == "inf"
    assert CheckResult.from_json(row).details == ("worst at scores[0,212,1]",)


def test_the_run() -> None:
    run = json.loads(dumps([], RUN))["run"]
    assert run["started"] == "2023-11-14T22:13:20+00:00"
    assert run["duration_s"] == 12.346
    assert run["exit_status"] == 1
    assert list(run["versions"]) == ["numpy", "onnxruntime"]
    assert run["settings"]["onnx-backend"] == {"value": ["ort-cpu"], "origin": "command line"}


def test_the_order_of_arrival_changes_nothing() -> None:
    same = [RESULTS[2].with_(nodeid=f"test_{n}") for n in range(4)]
    shuffled = [*RESULTS, *same]
    random.Random(0).shuffle(shuffled)
    assert dumps(shuffled, RUN) == dumps([*RESULTS, *same], RUN)


def test_hostile_text_is_plain_ascii_without_surrogates() -> None:
    evil = "\ud800\x00\x1b[31m ::error:: </script> 模型"
    text = dumps([CheckResult(evil, "parity", Verdict.FAILED, code="V_PARITY", message=evil)], RUN)
    assert text.isascii()
    read = json.loads(text)
    json.dumps(read, ensure_ascii=False).encode()
    (row,) = read["results"]
    assert row["model"] == "\\ud800\\x00\\x1b[31m : :error: : </script> 模型"
    assert row["message"] == "\\ud800\\x00 ::error:: </script> 模型"


def test_it_is_written_whole_into_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "out.json"
    write(path, RESULTS, RUN)
    write(path, RESULTS, RUN)
    assert path.read_text(encoding="utf-8") == dumps(RESULTS, RUN)
    assert os.listdir(path.parent) == ["out.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    link.symlink_to(real)
    write(link, RESULTS, RUN)
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == dumps(RESULTS, RUN)


def test_a_failed_write_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        write(path, RESULTS, RUN)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.json"]


@pytest.mark.parametrize("name", ["folder.json", "file/out.json", "nul\0.json", "x" * 300 + ".json"])
def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        write(os.path.join(tmp_path, name), RESULTS, RUN)
    line = str(caught.value)
    assert line.startswith("onnxaccel[E_FILE] ")
    assert "cannot be written" in line
    assert line.isprintable()
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.json"]


@pytest.mark.parametrize("name", ["out.json", "out.JSON", "a/b.c.json"])
def test_the_extension_chooses_the_format(name: str) -> None:
    assert renderer_for(name) is render
    assert renderer_for(Path(name)) is render


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("out.jsn", "no report format has the extension '.jsn' - did you mean '.json'? (known: .json, .md, .html)"),
        ("out.xlsx", "no report format has the extension '.xlsx' - known: .json, .md, .html"),
        ("out", "a report needs an extension - known: .json, .md, .html"),
    ],
)
def test_an_unknown_extension_names_the_known_ones(name: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        renderer_for(name)
    assert str(caught.value) == f"onnxaccel[E_CONFIG] {name}: {says}"
