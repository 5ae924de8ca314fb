"""Many runs at once do not meet, and many crashes in a row cost the run nothing that it does not get back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from suites.faults.running import Run, model

#: Written after each test: open descriptors, children that nobody waited for, resident bytes, files in the TMPDIR.
COUNTS = """
import json, os, pathlib, resource

def _zombies():
    found = 0
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found += fields[0] == "Z" and int(fields[1]) == os.getpid()
    return found

def pytest_runtest_logfinish():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    with open("counts.jsonl", "a") as file:
        print(json.dumps([len(os.listdir("/proc/self/fd")), _zombies(), pages * resource.getpagesize()]), file=file)
"""


def test_eight_runs_at_once(launch: Callable[..., Run], tmp_path: Path) -> None:
    """In one folder, with one TMPDIR: each has its own private folder, and none takes another's away."""
    shared = tmp_path / "shared"
    models = [model(tmp_path / "good.onnx"), model(tmp_path / "bad.onnx", "abort in run")]
    arguments = ("-k", "structure or contract", "--onnx-timeout=170")
    runs = [launch(*arguments, models=models, temporary=shared) for _ in range(8)]
    for run in runs:
        assert run.wait().status == 1, run.out
        assert {(r["nodeid"], r["code"]) for r in run.agrees()["results"]} == {
            ("good.onnx::structure", "OK"), ("good.onnx::contract[faulty]", "OK"),
            ("bad.onnx::structure", "OK"), ("bad.onnx::contract[faulty]", "E_CRASH"),
        }  # fmt: skip
    for run in runs:
        run.gone_after()


def test_fifty_crashes_in_a_row(launch: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(COUNTS)
    faults = ["abort in run", "leave in load", "kill in run", "garbage in run", "kill in load"] * 10
    models = [model(tmp_path / f"m{number:02}.onnx", fault) for number, fault in enumerate(faults)]
    run = launch("-k", "contract", "--onnx-timeout=120", models=models).wait()
    assert run.status == 1, run.out
    assert run.agrees()["summary"]["failed"] == 50
    assert set(run.codes.values()) == {"E_CRASH"}
    run.gone_after()
    counts = [json.loads(line) for line in (tmp_path / "counts.jsonl").read_text().splitlines()]
    files, zombies, memory = zip(*counts, strict=True)
    assert len(counts) == 50
    # From the tenth on: before, modules are still imported. After the last one there is no next one that was begun
    assert max(files[10:]) <= min(files[10:-1]) + 2, files
    assert set(zombies) == {0}
    assert memory[-1] - memory[10] < 20 << 20, memory
