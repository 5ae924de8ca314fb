"""``--onnx-advise`` and ``scenario=`` from the command line to the table and the report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fixtures import graphs

LATENCY = ("--onnx-backend=ort-cpu", "-k", "latency", "--onnx-budget=threads=1")
KINDS = {
    "initializers", "simplify", "float16", "int8", "level", "threads", "spin", "arena", "binding", "provider",
}  # fmt: skip


def test_advice_stands_below_the_table_and_in_the_report(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(graphs.initializers_as_inputs())
    # An environment of another provider that is built on this machine would be tried
    alone = {"ONNXACCEL_CACHE": str(tmp_path / "cache")}
    run = gate("--onnx-model=model.onnx", "--onnx-advise=advice", *LATENCY, env=alone)
    assert run.status == 0, run.out
    told = run.row("latency")["figures"]["advice"]
    assert {item["kind"] for item in told["tried"]} == KINDS
    outcomes = {item["kind"]: item["outcome"] for item in told["tried"]}
    assert outcomes["float16"] == outcomes["int8"] == "refused"
    assert outcomes["threads"] == outcomes["spin"] == outcomes["provider"] == "not applicable"
    for item in told["tried"]:
        assert (item["gain"] is not None) is (item["outcome"] in ("helps", "no gain", "undecided"))
        # Never claimed where the interval includes no gain
        assert item["outcome"] != "helps" or item["gain"]["low"] > 1
    assert "advice for model.onnx [ort-cpu], against the model as shipped:" in run.out
    assert "- advised: " in run.out
    assert bool(told["files"]) is bool(told["advised"])
    assert (run.folder / "advice").exists() is bool(told["advised"])


def test_without_the_option_nothing_is_tried(gate: Callable, save: Callable) -> None:
    save(graphs.initializers_as_inputs())
    run = gate("--onnx-model=model.onnx", *LATENCY)
    assert "advice" not in run.row("latency")["figures"]
    assert "advice for" not in run.out


@pytest.mark.parametrize("given", [("--onnx-advise", "tests"), ("--onnx-advise=model.onnx",)])
def test_what_is_no_folder_for_advice_is_a_usage_error(given: tuple[str, ...], gate: Callable, save: Callable) -> None:
    save(graphs.mlp())
    run = gate("--onnx-model=model.onnx", *given)
    assert run.status == 4
    line = next(line for line in run.out.splitlines() if "onnxaccel[E_CONFIG]" in line)
    assert ("--onnx-advise took 'tests' for its value" if len(given) > 1 else "is not a folder") in line


def test_a_marker_asks_for_advice(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(graphs.initializers_as_inputs())
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.latency_budget(advise=True, threads=1)\ndef test_fast(onnx_model, backend): ...\n"
    )
    run = gate("--onnx-model=model.onnx", "--onnx-backend=ort-cpu", "test_it.py", "-k", "test_fast")
    assert run.status == 0, run.out
    assert run.row("latency")["figures"]["advice"]["files"] == []


@pytest.mark.parametrize(
    ("scenario", "figures", "line"),
    [
        ("server:200/s", {"utilisation", "p95_ms", "p99_upper_ms"}, "at 200/s (busy for "),
        ("server:400/s live", {"live_p95_ms", "live_samples"}, "; live p95 "),
        ("server:10s", {"bearable_per_s", "capacity_per_s"}, "random requests/s with p99 within 1e+04 ms"),
        ("idle-gap:2ms", {"over_no_pause", "p95_ms"}, "after pauses of 2 ms: p50 "),
        ("offline", {"sizes", "throughput_lower_per_s"}, "samples/s at batch "),
    ],
)
def test_scenarios(scenario: str, figures: set[str], line: str, gate: Callable, save: Callable) -> None:
    save(graphs.mlp())
    run = gate("--onnx-model=model.onnx", *LATENCY, f"--onnx-budget=scenario={scenario}")
    assert run.status == 0, run.out
    row = run.row("latency")
    assert row["verdict"] == "passed"
    told = row["figures"]["scenario"]
    assert told["name"].startswith(scenario.split(":")[0])
    assert figures <= set(told)
    assert line in told["line"]
    assert "scenario " + scenario.split(":")[0] in run.out


def test_a_rate_past_the_model_fails_with_its_reason(gate: Callable, save: Callable) -> None:
    save(graphs.small_cnn())
    run = gate("--onnx-model=model.onnx", *LATENCY, "--onnx-budget=scenario=server:900000/s", "--onnx-budget=p99=1s")
    row = run.row("latency")
    # On a machine so busy that calls mostly wait it cannot be told
    assert row["verdict"] in ("failed", "inconclusive")
    assert "cannot serve 900000/s" in row["message"]
    assert row["code"] == "V_LATENCY"


def test_the_written_files_run_elsewhere(gate: Callable, models_folder: Path, tmp_path: Path) -> None:
    """The published RFB-320 lists its weights as inputs: there is always something to advise."""
    shutil.copy(models_folder / "ulfd" / "version-RFB-320.onnx", tmp_path / "rfb.onnx")
    run = gate("--onnx-model=rfb.onnx", "--onnx-advise=advice", *LATENCY)
    told = run.row("latency")["figures"]["advice"]
    tried = {item["kind"]: item for item in told["tried"]}
    assert tried["initializers"]["outcome"] in ("helps", "undecided")
    assert tried["float16"]["outcome"] == "refused"
    if not told["files"]:
        pytest.skip("the machine was too busy to tell")
    feeds = np.random.default_rng(0).uniform(-1, 1, (1, 3, 240, 320)).astype(np.float32)
    np.save(tmp_path / "x.npy", feeds)
    folder = tmp_path / "advice" / "rfb-ort-cpu"
    code = (
        "import numpy, session\n"
        "found = session.run(session.open_session(), {'input': numpy.load('../../x.npy')})\n"
        "numpy.savez('found.npz', **found)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
    import onnxruntime as ort

    settings = ort.SessionOptions()
    settings.log_severity_level = 4
    shipped = ort.InferenceSession(str(tmp_path / "rfb.onnx"), settings, providers=["CPUExecutionProvider"])
    expected = shipped.run(["scores", "boxes"], {"input": feeds})
    found = np.load(folder / "found.npz")
    for name, value in zip(("scores", "boxes"), expected, strict=True):
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5)
    assert json.loads((folder / "session.json").read_text())["steps"][0] == "initializers"
