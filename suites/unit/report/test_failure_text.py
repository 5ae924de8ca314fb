"""A failed check in a few lines."""

from __future__ import annotations

import re

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.failure_text import DETAIL_LINES, failure_lines

RESULT = CheckResult(
    "version-RFB-320",
    "parity",
    Verdict.FAILED,
    code="V_PARITY",
    message="scores differs: max abs 1.2e-02, 812 of 8840",
    backend="ort-cpu",
    reference="onnx-tf",
    batch=1,
    details=(
        "asked: |candidate - reference| <= 1e-06 + 1e-05*|reference|",
        "worst at scores[0,212,1]: 0.98 is 0.97",
    ),
)


def test_what_was_asked_and_what_is() -> None:
    assert failure_lines(RESULT) == [
        "V_PARITY version-RFB-320 [ort-cpu~onnx-tf b1]: scores differs: max abs 1.2e-02, 812 of 8840",
        "  asked: |candidate - reference| <= 1e-06 + 1e-05*|reference|",
        "  worst at scores[0,212,1]: 0.98 is 0.97",
    ]


def test_only_the_parts_that_exist_are_named() -> None:
    bare = CheckResult("m.onnx", "structure", Verdict.FAILED, code="E_GRAPH", message="a cycle")
    assert failure_lines(bare) == ["E_GRAPH m.onnx: a cycle"]
    assert failure_lines(bare.with_(backend="ort-cpu")) == ["E_GRAPH m.onnx [ort-cpu]: a cycle"]
    assert failure_lines(bare.with_(code="OK", message="")) == ["structure m.onnx: no message"]


def test_notes_follow_the_details() -> None:
    lines = failure_lines(RESULT.with_(details=("one",), notes=("a prepared copy ran",)))
    assert lines[1:] == ["  one", "  note: a prepared copy ran"]


def test_a_refusal_is_left_alone() -> None:
    line = "onnxaccel[E_CRASH] mod.onnx: the worker died of SIGFPE (load, ort-cpu) - report it to the runtime"
    assert failure_lines(RESULT.with_(code="E_CRASH", message=line, details=())) == [line]


def test_many_details_are_cut() -> None:
    assert len(failure_lines(RESULT.with_(details=tuple("abcdef")))) == 1 + DETAIL_LINES
    lines = failure_lines(RESULT.with_(details=tuple(f"detail {n}" for n in range(40))))
    assert len(lines) == 1 + DETAIL_LINES
    assert lines[-1] == "  ... and 35 more lines"


def test_hostile_text_becomes_short_and_harmless() -> None:
    evil = "::error::x\x1b]0;title\x07\r\n::set-output name=a::b\n##vso[task.complete]" + "z" * 500_000
    lines = failure_lines(
        RESULT.with_(model=evil, backend=evil, reference=evil, code=evil, message=evil, details=(evil, "\n"))
    )
    assert len(lines) == 2
    assert all(len(line) <= 300 and line.isprintable() for line in lines)
    assert not any(re.match(r"\s*::", line) or "##vso[" in line for line in lines)


def test_a_long_message_goes_on_where_it_was_cut() -> None:
    words = " ".join(f"w{number:03}" for number in range(110))
    first, *rest = failure_lines(RESULT.with_(message=words, details=()))
    shown = first.removesuffix("…") + "".join(line.strip().strip("…") for line in rest)
    assert shown.replace(" ", "").endswith(words.replace(" ", ""))
