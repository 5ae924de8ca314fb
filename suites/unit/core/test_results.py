"""A result crosses processes as one line of JSON, with whatever figures a broken model gives."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from pytest_onnxaccel.core.results import CheckResult, Verdict, finite

RESULT = CheckResult(
    "m", "parity", Verdict.FAILED, "V_PARITY", "differs", "ort-cpu", "onnx-tf", 3,
    {"max_abs": 0.5, "worst_index": [0, 1], "outputs": {"y": {"cosine": 1.0}}},
    ("detail",), ("note",), ("warning",), 1.5, "test.py::test",
)  # fmt: skip


def test_a_result_survives_the_journey() -> None:
    line = RESULT.dumps()
    assert "\n" not in line
    assert CheckResult.loads(line) == RESULT


def test_figures_that_json_lacks_become_words() -> None:
    figures = {"a": math.nan, "b": math.inf, "c": [-math.inf, 1.0], "d": {"e": np.float64("nan")}, 7: (math.nan,)}
    line = RESULT.with_(figures=figures).dumps()
    json.loads(line, parse_constant=pytest.fail)
    assert CheckResult.loads(line).figures == {
        "a": "nan",
        "b": "inf",
        "c": ["-inf", 1.0],
        "d": {"e": "nan"},
        "7": ["nan"],
    }


def test_finite_leaves_everything_else_alone() -> None:
    value = {"n": None, "t": True, "i": 3, "f": 0.5, "s": "nan"}
    assert finite(value) == value


def test_hostile_text_stays_inside_its_string() -> None:
    message = 'quote " newline \n escape \x1b[1m byte \udcff end'
    read = CheckResult.loads(RESULT.with_(message=message).dumps())
    assert read.message == 'quote " newline escape byte \\xff end'


def test_every_text_leaves_harmless() -> None:
    evil = "::error::\udcff\n##vso[x]\u202e"
    result = CheckResult(evil, "parity", Verdict.FAILED, evil, evil, evil, evil, figures={evil: [evil], "n": 1})
    result = result.with_(details=(evil,), notes=(evil,), warnings=(evil,), nodeid=f"{evil}::parity")
    text = result.dumps()
    json.dumps(json.loads(text), ensure_ascii=False).encode()
    assert "##vso[" not in text
    assert '"::' not in text
    assert CheckResult.loads(text).dumps() == text
    assert all(line.isprintable() for line in (result.model, result.code, result.message, *result.details))
    # ExposedModel the process figures keep the names that arrays go by
    assert evil in result.figures


def test_a_long_message_is_one_short_line_and_continues_in_the_details() -> None:
    message = "what comes first " + "and on " * 200
    result = RESULT.with_(message=message)
    assert len(result.message) == 300
    assert result.message.startswith("what comes first and on")
    assert 1 < len(result.details) < 9
    assert result.details[0].startswith("…")
    assert result.details[-1] == "detail"
    assert all(len(line) <= 300 for line in result.details)
    assert result.with_(batch=2).details == result.details


def test_long_lists_tell_how_much_they_leave_out() -> None:
    result = RESULT.with_(details=tuple(f"line {n}" for n in range(2000)), notes=("n " * 999,))
    assert (len(result.details), result.details[-1]) == (50, "and 1,951 more")
    assert [len(note) for note in result.notes] == [300]
    assert CheckResult.loads(result.dumps()) == result


def test_keys_of_a_later_version_are_passed_over() -> None:
    data = {**RESULT.to_json(), "verdict": "passed", "future": 1}
    assert CheckResult.from_json(data).verdict is Verdict.PASSED


def test_an_unknown_verdict_is_an_error() -> None:
    with pytest.raises(ValueError, match="perhaps"):
        CheckResult.from_json({**RESULT.to_json(), "verdict": "perhaps"})


def test_a_verdict_prints_as_its_value() -> None:
    assert [str(v) for v in Verdict] == ["passed", "failed", "inconclusive", "not_applicable"]
    assert f"{Verdict.PASSED}" == "passed"


def test_a_result_reads_as_its_message_and_details() -> None:
    assert str(RESULT) == "differs\ndetail"
    assert RESULT.with_(code="OK").code == "OK"
    assert RESULT.code == "V_PARITY"


def test_a_copy_with_other_figures_keeps_its_texts_and_one_with_another_text_makes_it_printable() -> None:
    result = CheckResult("m\n.onnx", "parity", Verdict.PASSED, message="as \x1b[1masked")
    changed = result.with_(figures={"max_abs": 1.0}, duration_s=2.0, nodeid="a\nb")
    assert changed == CheckResult(
        "m\n.onnx",
        "parity",
        Verdict.PASSED,
        message="as asked",
        figures={"max_abs": 1.0},
        duration_s=2.0,
        nodeid="a\nb",
    )
    assert "\n" not in changed.nodeid
    assert result.with_(message="line\nbreak").message == "line break"
    with pytest.raises(TypeError):
        result.with_(figure=1)
