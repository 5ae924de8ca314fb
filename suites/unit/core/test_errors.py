"""Errors are one short printable line, whatever a model put into them, and cross processes whole."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from pytest_onnxaccel.core import errors
from pytest_onnxaccel.core.errors import (
    REFUSAL_LIMIT,
    BackendCrashed,
    CheckFailure,
    ModelError,
    OnnxAccelError,
    error_from_json,
    printable,
    refusal,
    to_write,
)
from pytest_onnxaccel.core.results import CheckResult, Verdict

HOSTILE = {
    "long": "x" * 500_000,
    "lines": "first\nsecond\r\nthird\x85fourth\u2028fifth",
    "colours": "\x1b[31mred\x1b[0m and \x1b[1;38;5;9mbright",
    "title": "\x1b]0;owned\x07",
    "cursor": "\x1b[2J\x1b[1;1Hgone\x9b1A",
    "backspaces": "secret\b\b\b\b\b\bpublic\x7f\x00",
    "direction": "abc\u202egnp.exe",
    "github": "::set-output name=x::y",
    "github spaced": "   ::error file=a::b",
    "old github": "##[set-env name=PATH;]/evil",
    "azure": "##vso[task.setvariable variable=PATH]/evil",
    "azure inside": "failed ##vso[task.complete result=Succeeded;]DONE",
    "teamcity": "##teamcity[testFailed name='x']",
    "hidden azure": "\x1b[0m##\x1b[0mvso[task.complete]",
    "hidden github": "\x1b[0m:\x1b[0m:error::x",
    "many marks": "####vso[a]",
    "commands over lines": "a\n::warning::b\n##[section]c",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_becomes_one_harmless_line(text: str) -> None:
    for line in (printable(text), refusal("E_RUN", text, text, text, text), str(ModelError(text, subject=text))):
        assert len(line) <= REFUSAL_LIMIT
        assert line.isprintable()
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        assert "##vso[" not in line
        assert "##teamcity[" not in line


def test_harmless_text_is_left_alone() -> None:
    for text in ("std::bad_alloc in Foo::bar", "issue #12, ## heading", "größer als 3 µs", "a ## [list]"):
        assert printable(text) == text


def test_escape_codes_go_and_white_space_is_one_space() -> None:
    assert printable(HOSTILE["colours"]) == "red and bright"
    assert printable(HOSTILE["lines"]) == "first second third fourth fifth"
    assert printable("") == ""


def test_a_line_is_cut_with_a_sign() -> None:
    assert printable("abcdef", 5) == "abcd…"
    assert printable("abcde", 5) == "abcde"


def test_a_refusal_reads_as_documented() -> None:
    error = ModelError("does not exist", code="E_FILE", subject="a.onnx", where="intake", remedy="check the path")
    assert str(error) == "onnxaccel[E_FILE] a.onnx: does not exist (intake) - check the path"
    assert str(ModelError("is wrong")) == "onnxaccel[E_PARSE] is wrong"


def test_the_cause_is_cut_before_the_remedy() -> None:
    line = refusal("E_RUN", "a.onnx", "cc " * 400, "run, ort-cpu", "give samples in onnxaccel.toml")
    assert len(line) == REFUSAL_LIMIT
    assert line.endswith("c… (run, ort-cpu) - give samples in onnxaccel.toml")


def test_the_commands_that_mend_things_are_not_cut() -> None:
    command = 'python -m pip uninstall -y onnxruntime && python -m pip install "pytest-onnxaccel[gpu]" # ' + "x" * 60
    assert len(command) > 140
    assert refusal("E_BACKEND", "", "onnxruntime-gpu is not installed", remedy=command).endswith(command)


def test_the_longest_parts_together_keep_the_limit() -> None:
    line = refusal("E_" + "C" * 99, "s " * 999, "c " * 999, "w " * 999, "r " * 999)
    assert len(line) == REFUSAL_LIMIT
    assert "c " * 20 in line


def test_long_names_are_shortened_before_the_sentence_around_them() -> None:
    name = "first_" + "x" * 5000 + "_last"
    line = refusal("E_GRAPH", "a.onnx", f"output {name!r} is declared twice, and {name!r} again", "", "name it once")
    assert len(line) < REFUSAL_LIMIT
    assert line.count("_last'") == 2
    assert line.endswith("again - name it once")


def test_paths_are_relative_or_only_their_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inside = tmp_path / "models" / "a.onnx"
    assert (
        refusal("E_FILE", str(inside), f"{inside} is empty")
        == "onnxaccel[E_FILE] models/a.onnx: models/a.onnx is empty"
    )
    assert str(ModelError("is empty", subject="/srv/a/b/models/a.onnx")).startswith(
        "onnxaccel[E_PARSE] …/models/a.onnx: "
    )
    assert str(ModelError("is empty", subject=str(tmp_path) + "x/y/a.onnx")).startswith(
        "onnxaccel[E_PARSE] …/y/a.onnx: "
    )
    assert str(ModelError("is empty", subject="sub/" + "d" * 200 + "/a.onnx")).startswith("onnxaccel[E_PARSE] …ddd")


def test_a_subject_is_named_once() -> None:
    error = ModelError("is empty", code="E_NOTMODEL")
    assert error.about("first.onnx") is error
    assert error.about("second.onnx").subject == "first.onnx"


@pytest.mark.parametrize("name", [n for n in vars(errors) if isinstance(getattr(errors, n), type)])
def test_every_error_crosses_processes_whole(name: str) -> None:
    kind = getattr(errors, name)
    if not issubclass(kind, OnnxAccelError):
        return
    error = kind("cause", code="E_X", remedy="remedy", subject="subject", where="where")
    again = error_from_json(json.loads(json.dumps(error.to_json())))
    assert type(again) is kind
    assert (str(again), again.to_json()) == (str(error), error.to_json())


def test_what_a_strange_worker_sends_is_still_an_error() -> None:
    assert type(error_from_json({})) is OnnxAccelError
    strange = error_from_json({"kind": "SystemExit", "cause": ["list"], "code": None, "remedy": 7})
    assert type(strange) is OnnxAccelError
    assert str(strange) == "onnxaccel[E_ERROR] ['list'] - 7"
    assert error_from_json({"kind": "BackendCrashed"}).code == BackendCrashed.code


def test_a_failed_check_is_an_assertion_with_its_result() -> None:
    result = CheckResult("m", "parity", Verdict.FAILED, "V_PARITY", "differs", details=("here",))
    error = CheckFailure(result)
    assert isinstance(error, AssertionError)
    assert error.result is result
    assert str(error) == "differs\nhere"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "make room on the disk"), (errno.EROFS, "not read-only"), (errno.EACCES, "another folder")],
)
def test_a_full_disk_is_not_told_as_missing_permission(number: int, remedy: str) -> None:
    assert remedy in to_write(OSError(number, os.strerror(number)), "name another folder")
    assert to_write(ValueError("embedded null byte"), "name another folder") == "name another folder"
