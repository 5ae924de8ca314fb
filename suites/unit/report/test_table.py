"""The terminal table: what stands in it, and that it stays whole, aligned and harmless at every width."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.terminal import units
from pytest_onnxaccel.report.terminal.table import table
from pytest_onnxaccel.report.text_format import cells, wrap

P, F, U, N = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE
PREPARED = ("a prepared copy ran: opset 17",)


def check(model: str, name: str, backend: str = "", verdict: Verdict = P, **kwargs: Any) -> CheckResult:
    kwargs.setdefault("batch", 1 if backend else None)
    return CheckResult(model, name, verdict, backend=backend, **kwargs)


def latency(p50: float, mb: float, **more: Any) -> dict[str, Any]:
    return {
        "p50_ms": p50,
        "p95_ms": p50 * 1.14,
        "throughput_per_s": 1000 / p50,
        "peak_memory_mb": mb,
        **more,
    }


def realistic() -> list[CheckResult]:
    found = []
    for model in ("version-slim-320", "version-RFB-320"):
        over = {"speedup": 6.01, "speedup_over": "onnx-tf"}
        parity = {"reference": "onnx-tf", "figures": {"max_abs": 2.98e-07}}
        found += [
            check(model, "latency", "ort-cpu", figures=latency(2.71, 91.2, **over)),
            check(model, "parity", "ort-cpu", **parity),
            check(model, "batch", "ort-cpu", figures={"max_abs": 0.0}),
            check(model, "contract", "ort-cpu"),
            check(model, "latency", "onnx-tf", figures=latency(16.3, 412.0), notes=PREPARED),
            check(model, "contract", "onnx-tf", notes=PREPARED),
            check(model, "contract", "reference"),
            check(model, "parity", "reference", **parity),
            check(model, "structure"),
            check(model, "hygiene"),
        ]
    return found


def broken() -> list[CheckResult]:
    found = realistic()
    found[1] = found[1].with_(verdict=F, code="V_PARITY", figures={"max_abs": 0.012})
    found[0] = found[0].with_(verdict=U, code="V_LATENCY", message="p95 over by 9 ms")
    for index in (14, 15):
        found[index] = found[index].with_(verdict=F, code="E_CRASH", figures={}, notes=())
    for index in (16, 17):
        found[index] = found[index].with_(verdict=N, code="E_INPUT", message="string inputs", figures={})
    return found


def test_a_realistic_run_at_120_columns() -> None:
    assert table(realistic(), 120) == [
        "model             backend    batch  verdict  worst error      p50      p95  throughput  speed-up  peak memory",
        "-" * 109,
        "version-RFB-320   -              -  passed",
        "version-RFB-320   onnx-tf        1  passed             -  16.3 ms  18.6 ms      61.3/s         -       412 MB",
        "version-RFB-320   ort-cpu        1  passed       3.0e-07  2.71 ms  3.09 ms       369/s      6.0x        91 MB",
        "version-RFB-320   reference      1  passed       3.0e-07",
        "version-slim-320  -              -  passed",
        "version-slim-320  onnx-tf        1  passed             -  16.3 ms  18.6 ms      61.3/s         -       412 MB",
        "version-slim-320  ort-cpu        1  passed       3.0e-07  2.71 ms  3.09 ms       369/s      6.0x        91 MB",
        "version-slim-320  reference      1  passed       3.0e-07",
        "",
        "worst error: largest absolute difference from onnx-tf",
        "speed-up: over onnx-tf",
        "note: a prepared copy ran: opset 17 (onnx-tf)",
        "checks: 20 passed",
    ]


def test_at_80_columns_models_become_headings_and_no_figure_is_lost() -> None:
    assert table(realistic(), 80)[:7] == [
        "  backend    batch  verdict    error      p50      p95    rate  speed-up  memory",
        "-" * 80,
        "version-RFB-320",
        "  -              -  passed",
        "  onnx-tf        1  passed         -  16.3 ms  18.6 ms  61.3/s         -  412 MB",
        "  ort-cpu        1  passed   3.0e-07  2.71 ms  3.09 ms   369/s      6.0x   91 MB",
        "  reference      1  passed   3.0e-07",
    ]


def test_verdicts_name_the_failed_checks_and_inconclusive_ones_are_listed() -> None:
    lines = table(broken(), 160)
    assert lines[3:6] == [
        "version-RFB-320   onnx-tf        1  failed: contract, latency (crash)",
        "version-RFB-320   ort-cpu        1  passed                                 3.0e-07  2.71 ms  3.09 ms"
        "       369/s      6.0x        91 MB",
        "version-RFB-320   reference      1  not applicable",
    ]
    assert lines[8].startswith("version-slim-320  ort-cpu        1  failed: parity                         1.2e-02")
    assert lines[-3:] == [
        "not applicable: contract, parity [reference]: E_INPUT string inputs",
        "inconclusive: latency of version-slim-320 [ort-cpu b1]: V_LATENCY p95 over by 9 ms",
        "checks: 14 passed, 3 failed, 1 inconclusive, 2 not applicable",
    ]


def test_at_60_columns_the_verdicts_stay_and_what_went_is_said() -> None:
    assert table(broken(), 60) == [
        "  backend    batch  verdict                error      p50",
        "-" * 57,
        "version-RFB-320",
        "  -              -  passed",
        "  onnx-tf        1  failed: contract +1",
        "  ort-cpu        1  passed               3.0e-07  2.71 ms",
        "  reference      1  not applicable",
        "version-slim-320",
        "  -              -  passed",
        "  onnx-tf        1  passed                     -  16.3 ms",
        "  ort-cpu        1  failed: parity       1.2e-02  2.71 ms",
        "  reference      1  passed               3.0e-07",
        "",
        "worst error: largest absolute difference from onnx-tf",
        "speed-up: over onnx-tf",
        "not shown at this width: p95, throughput, speed-up, peak",
        "  memory",
        "note: a prepared copy ran: opset 17 (onnx-tf)",
        "not applicable: contract, parity [reference]: E_INPUT string",
        "  inputs",
        "inconclusive: latency of version-slim-320 [ort-cpu b1]:",
        "  V_LATENCY p95 over by 9 ms",
        "checks: 14 passed, 3 failed, 1 inconclusive, 2 not",
        "  applicable",
    ]


@pytest.mark.parametrize("width", [60, 80, 81, 99, 100, 118, 120, 160, 200])
@pytest.mark.parametrize("results", [realistic(), broken()], ids=["passed", "broken"])
def test_no_line_is_wider_than_the_terminal(results: list[CheckResult], width: int) -> None:
    assert max(map(len, table(results, width))) <= width


def test_nothing_ran() -> None:
    assert table([], 80) == ["no checks ran"]


def test_the_order_of_arrival_changes_nothing() -> None:
    found = broken()
    assert table(found[::-1], 100) == table(found, 100)


def test_colour_adds_codes_and_nothing_else() -> None:
    plain, coloured = table(broken(), 80), table(broken(), 80, color=True)
    assert "\x1b" not in "".join(plain)
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in coloured] == plain
    assert any("\x1b[31mfailed: parity\x1b[0m" in line for line in coloured)


def test_columns_without_a_figure_are_dropped() -> None:
    assert table([check("m", "structure"), check("m", "hygiene")], 80) == [
        "model  verdict",
        "--------------",
        "m      passed",
        "",
        "checks: 2 passed",
    ]


def test_a_hundred_rows_one_line_each() -> None:
    found = [check(f"model-{n:03}", "contract", "ort-cpu", batch=2) for n in range(100)]
    lines = table(found, 80)
    assert len(lines) == 104
    assert lines[2] == "model-000  ort-cpu      2  passed"
    assert lines[101] == "model-099  ort-cpu      2  passed"


def test_long_names_keep_both_ends() -> None:
    found = [check("detector-" + "very-" * 60 + "long-int8.onnx", "contract", "ort-cpu")]
    assert table(found, 60)[:3] == [
        "model                                backend  batch  verdict",
        "-" * 60,
        "detector-very-ve...y-long-int8.onnx  ort-cpu      1  passed",
    ]
    assert table(found, 44)[:4] == [
        "  backend  batch  verdict",
        "-" * 25,
        "detector-very-very-ve...-very-long-int8.onnx",
        "  ort-cpu      1  passed",
    ]


def test_two_names_never_read_alike() -> None:
    names = [f"detector-with-a-long-name-variant-{n}-exported-by-the-nightly-build" for n in (1, 2)]
    assert table([check(name, "contract", "ort-cpu") for name in names], 60)[2:8] == [
        "detector-with-a-long-name-variant-1-exported-by-the-nightly-",
        "  build",
        "  ort-cpu      1  passed",
        "detector-with-a-long-name-variant-2-exported-by-the-nightly-",
        "  build",
        "  ort-cpu      1  passed",
    ]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_long_backends_leave_room_for_the_verdict(width: int) -> None:
    found = [check("m", name, "backend-" + "x" * 90, F, code="E_CRASH") for name in ("contract", "parity")]
    lines = table(found, width)
    assert max(map(len, lines)) <= width
    assert "failed" in lines[3]


def test_wide_characters_keep_the_columns_aligned() -> None:
    lines = table([check("模型", "contract", "ort-cpu"), check("model-é", "contract", "ort-cpu")], 80)
    assert len({cells(line[: line.index("passed")]) for line in lines[2:4]}) == 1


def test_hostile_text_becomes_harmless() -> None:
    evil = "::set-output name=x::y\x1b[31m\r\n::error::boom ##vso[task.complete]\x00"
    found = [
        check(evil, "contract", "ort-cpu", F, code="V_CONTRACT", message=evil),
        check("m", "latency", evil, U, code="V_LATENCY", message=f"{'x ' * 40}{evil}"),
        check("m", "batch", "b", N, code="E_INPUT", message=evil, notes=(evil,), warnings=(evil,)),
    ]
    for width in (60, 80, 120, 200):
        text = "\n".join(table(found, width))
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
        assert not re.search(r"(?m)^\s*::", text)
        assert "##vso[" not in text


def test_a_break_of_the_line_does_not_make_a_command() -> None:
    for shift in range(60):
        found = [check("m", "latency", "b", U, message=f"{'y' * shift} ::error::boom")]
        assert not [line for line in table(found, 60) if line.lstrip().startswith("::")]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a few words that take two lines", ["a few words that take", "  two lines"]),
        ("x" * 30, ["x" * 21, "  " + "x" * 9]),
        ("a " + "x" * 30, ["a", "  " + "x" * 19, "  " + "x" * 11]),
        ("模" * 15, ["模" * 10, "  " + "模" * 5]),
        ("a bit more than one :: line", ["a bit more than one", "  : : line"]),
    ],
)
def test_wrapping_counts_columns(text: str, lines: list[str]) -> None:
    assert wrap(text, 21) == lines


def test_batch_sizes_and_worst_errors() -> None:
    found = [
        check("m", "parity", "a", reference="r", figures={"max_abs": 1e-7}),
        check("m", "parity", "a", reference="s", figures={"max_abs": "nan"}),
        check("m", "batch", "a", batch=7, figures={"sizes": [1, 2, 3, 7], "max_abs": 0.0}),
        check("m", "batch", "b", batch=None, figures={"sizes": [1, 2, 3, 7, 10, 16], "max_abs": "inf"}),
        check("m", "batch", "c", F, batch=None, code="E_TIMEOUT"),
        check("m", "contract", "c", batch=4),
    ]
    assert table(found, 120)[2:7] == [
        "m      a              1  passed                            nan",
        "m      a        1,2,3,7  passed                              0",
        "m      b          1..16  passed                            inf",
        "m      c              4  failed: batch (time-out)",
        "",
    ]
    assert "worst error: largest absolute difference from r (for a), s (for a)" in table(found, 120)


def test_a_note_is_told_of_the_backend_that_it_came_from() -> None:
    found = [
        check("m", "parity", "ort-cpu", reference="onnx-tf", notes=(*PREPARED, "only here")),
        check("m", "contract", "onnx-tf", notes=PREPARED),
    ]
    assert table(found, 80)[-3:-1] == [
        "note: a prepared copy ran: opset 17 (onnx-tf)",
        "note: only here (ort-cpu)",
    ]


def test_many_remarks_are_cut_but_every_inconclusive_check_is_named() -> None:
    found = [check("m", "hygiene", notes=tuple(f"fact {n}" for n in range(20)))]
    found += [check("m", "latency", f"b{n:02}", U, message="noisy") for n in range(20)]
    lines = table(found, 120)
    assert sum(line.startswith("note:") for line in lines) == 7
    assert "note: and 14 more" in lines
    assert sum(line.startswith("inconclusive:") for line in lines) == 20


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (units.error, 2.98e-07, "3.0e-07"),
        (units.error, 0.0, "0"),
        (units.error, "nan", "nan"),
        (units.error, None, ""),
        (units.error, "what", ""),
        (units.error, True, ""),
        (units.error, 10**400, ""),
        (units.milliseconds, 2.714, "2.71 ms"),
        (units.milliseconds, 0.8451, "0.845 ms"),
        (units.milliseconds, 0.0451, "45.1 us"),
        (units.milliseconds, 9.996, "10.0 ms"),
        (units.milliseconds, 999.7, "1.00 s"),
        (units.milliseconds, 0, "0.00 ms"),
        (units.milliseconds, "nan", "nan ms"),
        (units.rate, 368.7, "369/s"),
        (units.rate, 0.8196, "0.82/s"),
        (units.rate, 0, "0.00/s"),
        (units.ratio, 5.63, "5.6x"),
        (units.ratio, 1.04, "1.04x"),
        (units.ratio, 0.0134, "0.013x"),
        (units.ratio, 132.4, "132x"),
        (units.ratio, "inf", "infx"),
        (units.megabytes, 91.2, "91 MB"),
        (units.megabytes, 3.44, "3.4 MB"),
        (units.megabytes, 1240, "1.24 GB"),
    ],
)
def test_units(function: Any, value: Any, text: str) -> None:
    assert function(value) == text


def test_importing_it_loads_only_small_modules() -> None:
    code = (
        "import dataclasses, json, re, sys, typing; before = set(sys.modules)\n"
        "import pytest_onnxaccel.report.terminal.table, pytest_onnxaccel.report.failure_text\n"
        "new = {n for n in set(sys.modules) - before if not n.startswith('pytest_onnxaccel')}\n"
        "print(','.join(sorted(new)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(run.stdout.strip().split(",")) <= {
        "",
        "__future__",
        "math",
        "typing",
        "errno",
        "unicodedata",
    }
