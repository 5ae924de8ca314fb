"""``-n 2`` gives the same results as a run without pytest-xdist, and one report; timings never overlap."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from fixtures import graphs, hazards

pytest.importorskip("xdist")

pytest_plugins = ("pytester",)


def test_same_results_and_one_report(gate: Callable, save: Callable) -> None:
    models = [
        save(graphs.small_cnn(), "cnn.onnx"),
        save(graphs.mlp(), "mlp.onnx"),
        save(graphs.unstable(), "unstable.onnx"),
        save(hazards.div_crash(), "crash.onnx"),
        save(graphs.string_input(), "string.onnx"),
    ]
    arguments = [*(f"--onnx-model={path}" for path in models), "--onnx-backend=ort-cpu,reference"]
    alone, parallel = gate(*arguments), gate(*arguments, "-n", "2")
    assert alone.status == parallel.status == 1, parallel.out
    assert alone.verdicts() == parallel.verdicts()
    assert [r["nodeid"] for r in alone.rows] == [r["nodeid"] for r in parallel.rows]
    assert [r["code"] for r in alone.rows] == [r["code"] for r in parallel.rows]
    assert sum(line.startswith("report: ") for line in parallel.out.splitlines()) == 1
    assert parallel.out.count("ONNX models") == 1


def test_timings_never_overlap(gate: Callable, save: Callable) -> None:
    """By their own time stamps, on a clock that the processes of a machine share."""
    models = [save(graphs.mlp(seed=seed), f"mlp{seed}.onnx") for seed in range(4)]
    arguments = [*(f"--onnx-model={path}" for path in models), "--onnx-backend=ort-cpu,reference", "-k", "latency"]
    run = gate(*arguments, "--onnx-budget=p50=60s", "-n", "2")
    assert run.status == 0, run.out
    spans = sorted((r["figures"]["timed_from_s"], r["figures"]["timed_until_s"]) for r in run.rows)
    assert len(spans) == 8
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans)), spans
    alone = gate(*arguments, "--onnx-budget=p50=60s")
    assert alone.verdicts() == run.verdicts()
    assert {r["verdict"] for r in alone.rows} == {"passed"}


def test_a_wrong_marker_is_one_error(gate: Callable, tmp_path, save: Callable) -> None:
    (tmp_path / "test_x.py").write_text(
        "import pytest\n@pytest.mark.latency_budget(p59='3ms')\ndef test_x(onnx_model, backend): pass\n"
    )
    for parallel in ((), ("-n", "2")):
        run = gate(f"--onnx-model={save(graphs.mlp())}", "-k", "test_x", *parallel)
        assert run.status != 0
        assert "has no argument 'p59'" in run.out
        assert "did you mean 'p" in run.out
        assert "INTERNALERROR" not in run.out


def test_marked_tests_alone_have_their_table(pytester: pytest.Pytester) -> None:
    """No option and no model tells the controlling process, which collects nothing, that the run is ours."""
    pytester.makepyfile(
        steps="""
        def plain(image): return image / 255
        def half(image): return image / 2 / 127.5
        def other(image): return image / 256
        """,
        test_x="""
        import pytest
        @pytest.mark.preprocessing_parity(reference="steps:plain", candidate="steps:half", shape=(8, 8, 3))
        def test_same(): ...
        @pytest.mark.preprocessing_parity(reference="steps:plain", candidate="steps:other", shape=(8, 8, 3))
        def test_other(): ...
        def test_unmarked(record_property): record_property("onnx", "mine")
        """,
    )
    tables = []
    for parallel in ((), ("-n", "2")):
        run = pytester.runpytest_subprocess("-p", "no:cacheprovider", *parallel)
        run.assert_outcomes(passed=2, failed=1)
        (start,) = (number for number, line in enumerate(run.outlines) if " ONNX models " in line)
        end = run.outlines.index("checks: 1 passed, 1 failed")
        tables.append(sorted(run.outlines[start:end]))
    assert tables[0] == tables[1]
    assert any(line.startswith("test_other  failed: preprocessing") for line in tables[1]), tables


def test_runs_that_are_not_ours_stay_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_x(record_property): record_property('key', 1)")
    pytester.makeconftest(
        """
        import sys
        def pytest_unconfigure():
            names = (f"pytest_onnxaccel.plugin.{name}" for name in ("records", "hooks", "activate"))
            print("loaded:", [name for name in names if name in sys.modules])
        """
    )
    run = pytester.runpytest_subprocess("-n", "1")
    run.assert_outcomes(passed=1)
    assert "loaded: []" in run.outlines
    assert not any("ONNX models" in line for line in run.outlines)
