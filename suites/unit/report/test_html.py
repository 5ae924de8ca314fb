"""The HTML report: what it shows, that it loads nothing, and that nothing of a model is more than text."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.comparison.compare import compare
from pytest_onnxaccel.report.html.page import render
from pytest_onnxaccel.report.json_page import render as as_json
from pytest_onnxaccel.report.run_report import RunReport, parse_report, report_from
from suites.unit.report.kept import EVIL, RUN, difference, hygiene, latency, parity, report, structure

NODE = {"name": "conv", "op": "Conv", "outputs": ["c"], "module": "net.0"}
ORIGIN = {
    **NODE,
    "share": 0.25,
    "nodes": [NODE],
    "reference_nodes": [NODE],
    "before": [{"input": "x"}],
    "after": [NODE],
}
LOCAL = {"origin": ORIGIN, "over_depth": [[place, 0.25 if place > 3 else 1e-7] for place in range(12)]}
PIXEL = {"shape": [1, 2, 3], "dtype": "uint8", "values": [0, 0, 1, 4, 5, 6]}
PICTURES = {"image": PIXEL, "reference": PIXEL, "candidate": {**PIXEL, "values": [1, 0, 0, 6, 5, 4]}}


def failed(**changes: Any) -> CheckResult:
    figures = {"outputs": {"y": difference(0.5)}, "localisation": LOCAL, "case": "onnxaccel-failures/net"}
    row = parity(verdict=Verdict.FAILED, code="V_PARITY", message="y differs", figures=figures, details=("there: w",))
    return row.with_(**changes)


def swapped(**changes: Any) -> CheckResult:
    figures = {"pictures": PICTURES, "first_difference": {"index": [0, 0, 0], "reference": 0, "candidate": 1}}
    row = CheckResult("swap", "preprocessing", Verdict.FAILED, "V_PREPROCESSING", "channel-swap", figures=figures)
    return row.with_(nodeid="preprocessing/swap::parity", reference="pkg:reference", **changes)


class Page(HTMLParser):
    """Elements, attributes, names and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._raw = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        self._raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._raw else data

    def all(self, name: str) -> list[dict[str, str]]:
        return [attrs for tag, attrs in self.tags if tag == name]

    @property
    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.tags if "id" in attrs]

    def targets(self) -> list[str]:
        """Everything that may be loaded or followed."""
        keys = ("href", "src", "xlink:href", "action", "data", "srcset", "poster")
        return [attrs[key] for _, attrs in self.tags for key in keys if key in attrs]


def full() -> RunReport:
    rows = [structure(), hygiene(), failed(), latency(), latency(batch=4, ms=7.0), swapped()]
    compared = compare(report(structure(), parity()), report(*rows), "old.json").to_json()
    return report_from(rows, RUN, [{"name": "net", "path": "models/net.onnx"}], compared)


def test_every_page_is_there() -> None:
    page = Page(render(full()))
    sections = [attrs["id"] for attrs in page.all("section")]
    assert sections == [
        *("overview", "failures", "failure-1", "failure-2", "model-1", "model-2", "comparison", "environment")
    ]
    for text in ("candidate computes", "Conv conv (module net.0)", "models/net.onnx", "python repro.py", "2.60 ms"):
        assert text in page.text, text
    assert "python -m pytest --onnx-only -k swap" in page.text
    labels = [attrs["aria-label"] for attrs in page.all("svg")]
    assert [label.split(" ")[0] for label in labels] == ["The", "The", "How", "Latency", "Throughput"]
    passing = Page(render(report(structure(), parity())))
    assert [attrs["id"] for attrs in passing.all("section")] == ["overview", "model-1", "environment"]


def test_it_loads_nothing_and_names_are_unique() -> None:
    page = Page(render(full()))
    assert all(target.startswith(("#", "data:")) for target in page.targets()), page.targets()
    assert len(page.ids) == len(set(page.ids))
    known = set(page.ids)
    assert {target[1:] for target in page.targets() if target.startswith("#")} <= known
    assert {attrs[key] for _, attrs in page.tags for key in ("aria-labelledby", "for") if key in attrs} <= known
    policy = next(attrs["content"] for attrs in page.all("meta") if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert "script-src 'sha256-" in policy
    assert len(page.all("script")) == 1


def test_its_colours_are_those_of_the_page() -> None:
    text = render(full())
    assert not re.search(r"#0000[0a][0-9a-f]\b", text)
    assert "var(--series-1)" in text
    assert "prefers-color-scheme: dark" in text


def everywhere(value: Any) -> Any:
    """*value* with every text and key, and some numbers, replaced by what a hostile file may hold."""
    if isinstance(value, dict):
        return {key: everywhere(item) for key, item in value.items()} | {EVIL: EVIL}
    if isinstance(value, list):
        return [everywhere(item) for item in value]
    return EVIL if isinstance(value, str) else value


def hostile() -> RunReport:
    """A report whose every field a stranger wrote."""
    data = json.loads(as_json(full()))
    for row in data["results"]:
        kept = {key: row[key] for key in ("check", "verdict", "batch", "xfail")}
        row.update({**everywhere(row), **kept})
    data["results"] += [{**row, "check": EVIL, "nodeid": f"{row['nodeid']}2"} for row in data["results"]]
    for row in data["results"]:
        outputs = row["figures"].get("outputs")
        if isinstance(outputs, dict):
            row["figures"]["outputs"] = {EVIL: next(iter(outputs.values()))}
    for key in ("run", "models", "comparison"):
        data[key] = everywhere(data[key])
    data["run"]["asked"] = [{"what": EVIL, "name": EVIL, "judged": EVIL, "tried": EVIL, "failed": True}]
    row = {"title": EVIL, "why": EVIL, "times": EVIL, "p50_ms": EVIL}
    data["speed"] = [{"model": EVIL, "backend": EVIL, "rows": [row, EVIL]}]
    return parse_report(data, "evil.json")


def test_names_from_models_are_text() -> None:
    page = Page(render(hostile()))
    mild = Page(render(full()))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in mild.tags} | {"li"}
    assert {key for _, attrs in page.tags for key in attrs} <= {key for _, attrs in mild.tags for key in attrs}
    assert len(page.all("script")) == 1
    assert all(target.startswith(("#", "data:")) for target in page.targets()), page.targets()
    assert "<script>alert(1)</script>" in page.text
    assert "{{7*7}}" in page.text, "it is not a template"
    assert "49" not in re.sub(r"[\d.]*\d{3,}[\d.]*", "", page.text)


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], {}, [1], {"a": 1}, True, float("nan"), [[1]], {"a": {"b": [{}]}}, -1e308]
)
def test_figures_of_any_type_are_borne(value: Any) -> None:
    data = json.loads(as_json(full()))
    for row in data["results"]:
        row["figures"] = dict.fromkeys(row["figures"], value)
    data["run"] = dict.fromkeys(data["run"], value)
    data["comparison"] = dict.fromkeys(data["comparison"], value)
    data["speed"] = [{"model": "net", "rows": value, "backend": value}]
    deep = json.loads(as_json(full()))
    for row in deep["results"]:
        for key, inner in row["figures"].items():
            if isinstance(inner, dict):
                row["figures"][key] = dict.fromkeys(inner, value)
        for inner in row["figures"].get("localisation", {}), row["figures"].get("pictures", {}):
            if isinstance(inner, dict) and inner:
                inner.update(dict.fromkeys(inner, value))
    for one in (data, deep):
        assert render(parse_report(one, "r.json")).endswith("</html>")


def test_a_report_of_an_older_version_has_a_page() -> None:
    rows = [
        {"model": "net", "check": "parity", "verdict": "failed"},
        {"model": "net", "check": "x", "verdict": "passed"},
    ]
    page = Page(render(parse_report({"schema": "onnxaccel-report", "version": 0, "results": rows}, "old.json")))
    assert "parity of net" in page.text


def test_a_hundred_models_are_below_ten_megabytes() -> None:
    rows = [
        row.with_(model=f"net-{number}", nodeid=f"{number}{row.nodeid}")
        for number in range(100)
        for row in (structure(), hygiene(), failed() if number < 10 else parity(), latency(), latency(batch=4, ms=7.0))
    ]
    text = render(report(*rows))
    assert len(text.encode()) < 10_000_000
    assert len(Page(text).all("section")) == 113


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def opened(path: Path, page: str = "") -> tuple[str, str]:
    """What the page has become in a browser, and what that said to its console."""
    assert BROWSER is not None
    options = (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--virtual-time-budget=2000",
    )
    done = subprocess.run(
        [BROWSER, *options, f"--user-data-dir={path.parent / 'profile'}", "--dump-dom", f"file://{path}#{page}"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize("made", [full, hostile])
def test_in_a_browser(tmp_path: Path, made: Any) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(made()), encoding="utf-8")
    text, console = opened(path, "failure-1")
    assert not console
    assert re.search(r'<section class="page shown" id="failure-1"', text)
    assert text.count("page shown") == 1
    assert re.search(r"<output aria-live=\"polite\">(\d+) of \1 rows</output>", text)
    assert "<title>ONNX models: failed</title>" in text
