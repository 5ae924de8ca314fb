"""``-n 2`` gives the same results as a run without pytest-xdist, and one report; timings never overlap."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from fixtures import graphs, hazards

pytest.importorskip("xdist")


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
