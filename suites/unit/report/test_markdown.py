"""The report as Markdown, what GitHub takes, and names from models that are obeyed nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.comparison.compare import compare
from pytest_onnxaccel.report.github import annotation_lines, append_summary
from pytest_onnxaccel.report.markdown.page import render
from pytest_onnxaccel.report.run_report import RunReport
from suites.unit.report.kept import EVIL, RUN, latency, parity, report, structure

#: Elements of a page; what a model brings is none of them.
ALLOWED = {*("h2", "h3", "p", "strong", "code", "pre", "ul", "li", "sub", "details", "summary")}
ALLOWED |= {*("table", "thead", "tbody", "tr", "th", "td")}

FAILED = parity(
    verdict=Verdict.FAILED, code="V_PARITY", message="y differs", details=("worst at y[0,3]", "origin: Conv")
)


def test_the_verdict_is_first_and_each_failure_in_a_fold() -> None:
    text = render(report(structure(), FAILED, latency()))
    assert text.startswith("## ❌ ONNX models: 1 of 1 model failed\n")
    assert text.count("<details>") == 1
    assert "  origin: Conv" in text
    assert render(report(structure(), parity(), latency())).startswith("## ✅ ONNX models: passed\n")
    assert "<details>" not in render(report(structure(), parity()))


def test_what_was_asked_and_not_judged_is_told() -> None:
    run = {**RUN, "asked": [{"what": "backend", "name": "onnx-tf", "judged": 0, "tried": 2, "failed": True}]}
    text = render(RunReport((structure(),), run))
    assert text.startswith("## ❌ ONNX models: failed\n")
    assert "**Not judged:** backend <code>onnx-tf</code>" in text


def evil_rows() -> list[CheckResult]:
    row = parity(
        model=EVIL, verdict=Verdict.FAILED, code=EVIL, message=EVIL, backend=EVIL, reference=EVIL, details=(EVIL,) * 3,
        notes=(EVIL,), nodeid=EVIL, figures={"outputs": {EVIL: {"max_abs": EVIL}}, EVIL: EVIL, "max_abs": EVIL},
    )  # fmt: skip
    return [row, row.with_(xfail=EVIL), row.with_(verdict=Verdict.INCONCLUSIVE), latency(model=EVIL, backend=EVIL)]


def test_names_from_models_are_text() -> None:
    run = {**RUN, "versions": {EVIL: EVIL}, "interrupted": EVIL, "platform": EVIL}
    run["asked"] = [{"what": EVIL, "name": EVIL, "judged": EVIL, "tried": EVIL, "failed": True}]
    found = RunReport(tuple(evil_rows()), run, ({"name": EVIL},))
    found = RunReport(found.results, run, found.models, (), compare(found, report(structure()), EVIL).to_json())
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(render(found))
    tags = set(re.findall(r"</?([a-z0-9]+)", html))
    assert tags <= ALLOWED, tags
    assert not re.search(r"<[^>]*\s(?!style=\"text-align)\w+=", html)
    assert len(re.findall("<tr>", html)) == len({(r.backend, r.batch) for r in found.results}) + 1


def test_it_keeps_within_its_room() -> None:
    rows = [FAILED.with_(model=f"net{i}", nodeid=str(i), details=("x" * 250,) * 6) for i in range(500)]
    text = render(report(*rows), 50_000)
    assert len(text.encode()) <= 50_000
    assert re.search(r"\d+ more failures are in the JSON report", text)
    assert "more" not in render(report(*rows[:2]), 50_000)


def test_the_job_summary_is_added_to(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("# mine\n")
    append_summary(str(path), report(parity()))
    assert path.read_text().startswith("# mine\n\n## ✅ ONNX models: passed")
    path.write_text("x" * 999_000)
    append_summary(str(path), report(*[FAILED.with_(model=str(i), nodeid=str(i)) for i in range(50)]))
    assert path.stat().st_size <= 1_000_000
    with pytest.raises(ConfigError, match="the job summary cannot be written"):
        append_summary(str(tmp_path), report(parity()))


def test_annotations_are_one_line_each_and_obey_nothing() -> None:
    (line,) = annotation_lines([FAILED])
    assert line.startswith("::error title=V_PARITY net [ort-cpu~reference b1]::V_PARITY net")
    assert line.endswith("%0A  worst at y[0,3]%0A  origin%3A Conv".replace("%3A", ":"))
    (evil,) = annotation_lines([FAILED.with_(model="a,b::c%0A\n::error::x", message="100%\r\n::stop-commands::x")])
    assert evil.isprintable()
    assert evil.startswith("::error title=")
    assert "%2C" in evil.split("::")[1]
    assert "100%25" in evil
    (placed,) = annotation_lines([FAILED.with_(nodeid="tests/test_net.py::test_it")])
    assert placed.startswith("::error file=tests/test_net.py,title=")


def test_annotations_beyond_what_is_shown_are_counted() -> None:
    lines = annotation_lines([FAILED] * 30)
    assert len(lines) == 10
    assert lines[-1].endswith("::and 21 more checks failed")
