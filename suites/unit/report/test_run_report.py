"""Kept reports: what is read, of which version, and what is refused in one line; parts joined to the whole."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.report.comparison.compare import compare
from pytest_onnxaccel.report.json_page import render
from pytest_onnxaccel.report.merging import merge
from pytest_onnxaccel.report.run_report import parse_report, read_report, report_from
from suites.unit.report.kept import RUN, hygiene, latency, parity, report, structure

ROWS = [structure(), parity(), latency(), latency(batch=4, ms=7.0), hygiene()]


def kept() -> dict[str, Any]:
    return json.loads(render(report(*ROWS)))


def test_it_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(render(report(*ROWS)))
    assert render(read_report(path)) == path.read_text()


def test_what_is_joined_or_compared_follows_the_schema() -> None:
    schema = json.loads(files("pytest_onnxaccel.report").joinpath("schema-v1.json").read_text())
    jsonschema.validate(json.loads(render(merge([("a", report(structure())), ("b", report(parity()))]))), schema)
    compared = compare(report(parity(), structure()), report(structure()), "old.json").to_json()
    data = json.loads(render(report_from([structure()], RUN, (), compared)))
    jsonschema.validate(data, schema)
    assert data["comparison"]["worse"] == 1


def test_a_report_of_an_older_version_is_read() -> None:
    """Without all that later versions added, and with keys that nobody knows."""
    rows = [
        {"model": "net", "check": "parity", "verdict": "passed", "who": 1},
        {**kept()["results"][0], "figures": None},
    ]
    found = parse_report({"schema": "onnxaccel-report", "version": 0, "results": rows, "more": {}}, "old.json")
    assert [row.check for row in found.results] == ["structure", "parity"]
    assert found.verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data.update(version=2), "is a report of version 2; this release reads versions up to 1"),
        (lambda data: data.update(version="1"), "its 'version' is not a number"),
        (lambda data: data.update(schema="other"), "is not a report: its 'schema'"),
        (lambda data: data.update(results={}), "its 'results' are not a list"),
        (lambda data: data["results"].append(3), "results[5] is not an object"),
        (lambda data: data["results"][1].pop("model"), "results[1].model is missing or not text"),
        (lambda data: data["results"][2].update(verdict="fine"), "results[2].verdict is 'fine'"),
    ],
)
def test_what_is_not_a_report_is_refused(change: Callable[[dict[str, Any]], object], says: str) -> None:
    data = kept()
    change(data)
    with pytest.raises(ConfigError, match="E_FILE") as caught:
        parse_report(data, "r.json")
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000, "NaN"])
def test_what_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="is not a report"):
        read_report(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_report(tmp_path / "none.json")


def test_wrong_types_inside_are_left_out() -> None:
    data = kept()
    data["results"][0] |= {"batch": "x", "details": ["a", 1], "figures": [1], "duration_s": None, "notes": "x"}
    data |= {"run": [], "models": [{"path": 1}, 3], "speed": "x", "comparison": 1}
    found = parse_report(data, "r.json")
    assert (found.results[0].batch, found.results[0].details, found.results[0].figures) == (None, ("a",), {})
    assert (found.run, found.models, found.speed, found.comparison) == ({}, (), (), {})


def test_parts_are_the_whole() -> None:
    rows = [row.with_(model=name, nodeid=f"{name}.onnx::{index}") for name in "abc" for index, row in enumerate(ROWS)]
    whole = report_from(rows, RUN)
    random.Random(1).shuffle(rows)
    parts = [(f"{index}.json", report_from(rows[index::4], RUN)) for index in range(4)]
    joined, expected = (json.loads(render(one)) for one in (merge(parts), whole))
    for key in ("results", "models", "summary"):
        assert joined[key] == expected[key], key
    assert joined["run"]["exit_status"] == 1
    assert len(joined["run"]["parts"]) == 4


def test_parts_have_no_test_in_common() -> None:
    with pytest.raises(ConfigError, match=r"is in a\.json and in b\.json"):
        merge([("a.json", report(parity())), ("b.json", report(parity(), structure()))])


@pytest.mark.parametrize(
    ("statuses", "status"), [((0, 0), 0), ((0, 5), 0), ((5, 5), 5), ((0, 1), 1), ((1, 2), 2), ((0, "x"), 0)]
)
def test_exit_status_of_parts(statuses: tuple[Any, ...], status: int) -> None:
    parts = [(str(i), report_from([], {**RUN, "exit_status": value})) for i, value in enumerate(statuses)]
    assert merge(parts).run["exit_status"] == status


def test_what_was_asked_is_judged_by_any_part() -> None:
    one = {"what": "backend", "name": "ort-cpu", "judged": 0, "tried": 2, "failed": True}
    runs = [{**RUN, "asked": [one]}, {**RUN, "asked": [{**one, "judged": 1, "failed": False}]}]
    (found,) = merge([(str(i), report_from([], run)) for i, run in enumerate(runs)]).run["asked"]
    assert found == {**one, "judged": 1, "tried": 4, "failed": False}
    assert merge([("a", report_from([], runs[0]))]).unasked
