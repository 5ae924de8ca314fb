"""The judge of the hostile suite finds each thing that may be wrong, and nothing in a run that is right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from suites.hostile.adoption import adopted
from suites.hostile.case import OK, Case, Entry
from suites.hostile.gate import Finished
from suites.hostile.judge import problems

LINE = "onnxaccel[E_PARSE] bad.onnx: is truncated - export it again"
OUT = "bad FAILED\nchecks: 1 passed, 1 failed\n=== 1 failed, 1 passed in 0.10s ===\n"


def _row(model: str, verdict: str, code: str, message: str) -> dict[str, Any]:
    return {"model": model, "check": "structure", "verdict": verdict, "code": code, "message": message}


def _junit(line: str = LINE, **number: str) -> ElementTree.Element:
    """The file of one case that passed and one that failed."""
    root = ElementTree.Element("testsuites")
    counts = {"tests": "2", "failures": "1", "errors": "0", "skipped": "0", **number}
    suite = ElementTree.SubElement(root, "testsuite", counts)
    for name, verdict, code in (("good", "passed", "OK"), ("bad", "failed", "E_PARSE")):
        item = ElementTree.SubElement(suite, "testcase", {"classname": name, "name": "structure"})
        held = ElementTree.SubElement(item, "properties")
        for key, value in {"check": "structure", "verdict": verdict, "code": code}.items():
            ElementTree.SubElement(held, "property", {"name": f"onnxaccel.{key}", "value": value})
        if verdict == "failed":
            ElementTree.SubElement(item, "failure", {"message": f"Failed: {line}"})
    return root


def _entry(_: Any) -> Entry:
    return Entry(Path("net.onnx"))


def _run(**changes: Any) -> Finished:
    """A run in which all is as it must be, but for *changes*."""
    rows = [_row("good", "passed", "OK", "valid"), _row("bad", "failed", "E_PARSE", LINE)]
    right = Finished(
        cases=[Case("good", _entry), Case("bad", _entry, frozenset({"E_PARSE"}))],
        status=1,
        out=OUT.encode(),
        report={"results": rows, "summary": {"passed": 1, "failed": 1, "inconclusive": 0, "not_applicable": 0}},
        junit=_junit(),
    )
    return replace(right, **changes)


def _with_bad(**changes: str) -> dict[str, Any]:
    """The report in which the second row differs."""
    report = _run().report
    return {**report, "results": [report["results"][0], {**report["results"][1], **changes}]}


WRONG: dict[str, tuple[Callable[[], Finished], str]] = {
    "status": (lambda: _run(status=0), "exit status 0 instead of 1"),
    "hang": (lambda: _run(status=None), "exit status None"),
    "internal error": (lambda: _run(out=OUT.encode() + b"INTERNALERROR> x\n"), "prints INTERNALERROR"),
    "traceback": (lambda: _run(out=OUT.encode() + b"Traceback (most recent call last):\n"), "prints Traceback"),
    "no report": (lambda: _run(report={}), "no JSON report"),
    "no JUnit": (lambda: _run(junit=None), "no well-formed JUnit file"),
    "escape": (lambda: _run(out=OUT.encode() + b"\x1b[31mred\n"), "control characters"),
    "carriage return": (lambda: _run(out=OUT.encode() + b"a\r::error::b\n"), "control characters"),
    "bytes": (lambda: _run(out=OUT.encode() + b"\xff\n"), "not UTF-8"),
    "command": (lambda: _run(out=b"::error::x PASSED\n" + OUT.encode()), "would obey"),
    "indented command": (lambda: _run(out=b"  ##[error]x\n" + OUT.encode()), "would obey"),
    "command within": (lambda: _run(out=b"FAILED ##vso[task]x\n" + OUT.encode()), "would obey"),
    "summary": (lambda: _run(report={**_run().report, "summary": {"passed": 2}}), "the JSON report counts"),
    "tally": (lambda: _run(out=OUT.replace("checks: 1 passed", "checks: 2 passed").encode()), "the tally says"),
    "last line": (lambda: _run(out=OUT.replace("1 failed, 1 passed in", "1 failed in").encode()), "pytest's last line"),
    "JUnit's counts": (lambda: _run(junit=_junit(failures="2")), "the JUnit file counts"),
    "JUnit's code": (lambda: _run(report=_with_bad(code="E_GRAPH")), "only in JUnit"),
    "JUnit's line": (lambda: _run(junit=_junit("is truncated")), "does not begin with E_PARSE"),
    "JUnit's length": (lambda: _run(junit=_junit(LINE + "x" * 300)), "is not short printable lines"),
    "canary": (lambda: _run(canaries=["bad"]), "the payload of bad ran"),
    "changed": (lambda: _run(changed=["cases/bad/net.onnx"]), "changed by the run"),
    "left": (lambda: _run(left=["process 9"]), "left after the run: process 9"),
    "no result": (lambda: _run(cases=[*_run().cases, Case("lost", _entry)]), "lost: no result"),
    "legal twin": (lambda: _run(cases=[Case("bad", _entry)]), "a legal twin that does not pass"),
    "passes": (lambda: _run(cases=[Case("good", _entry, frozenset({"E_GRAPH"}))]), "nothing fails"),
    "used": (lambda: _run(cases=[Case("good", _entry, frozenset({"E_UNSAFE"}))]), "a check passes"),
    "code": (lambda: _run(cases=[Case("bad", _entry, frozenset({"E_GRAPH", OK}))]), "fails with E_PARSE, not one of"),
    "long": (lambda: _run(report=_with_bad(message=LINE + "x" * 300)), "a message of"),
    "two lines": (lambda: _run(report=_with_bad(message=LINE + "\nmore")), "not one printable line"),
}


def test_a_run_that_is_right() -> None:
    assert problems(_run()) == []


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(name: str) -> None:
    make, said = WRONG[name]
    assert [line for line in problems(make()) if said in line], problems(make())


def test_a_case_may_pass_or_be_inapplicable_where_it_says_so() -> None:
    assert problems(_run(cases=[Case("good", _entry, frozenset({"E_GRAPH", OK})), _run().cases[1]])) == []
    skipped = _with_bad(verdict="not_applicable", code="E_INPUT")
    refused = Case("bad", _entry, frozenset({"E_INPUT"}))
    found = problems(_run(report=skipped, cases=[replace(refused, inapplicable=True)]))
    assert not [line for line in found if line.startswith("bad: ")]
    assert [line for line in problems(_run(report=skipped, cases=[refused])) if line.startswith("bad: nothing fails")]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux gives orphans to an ancestor")
def test_an_orphan_is_seen() -> None:
    with adopted() as orphans:
        subprocess.run(["sh", "-c", "sleep 0.2 & exit"], check=True)
        assert orphans() == []
