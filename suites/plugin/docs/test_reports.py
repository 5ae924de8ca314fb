"""The commands of docs/reports.md do what the page says."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from suites.pages import code_of

PAGE = (Path(__file__).parents[3] / "docs" / "reports.md").read_text(encoding="utf-8")

example = partial(code_of, PAGE)


def test_the_commands(gate: Callable, tmp_path: Path, shipped: Path) -> None:
    shutil.copy(shipped / "slim-320.onnx", tmp_path / "net.onnx")

    def command(name: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, *shlex.split(example(name))[1:]]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)

    run = gate(*shlex.split(example("formats"))[3:], "--onnx-backend=ort-cpu", "-k", "structure or contract")
    assert run.status == 0, run.out
    assert {path.name for path in tmp_path.glob("out.*")} == {"out.json", "out.md", "out.html"}
    assert command("report").returncode == 0
    again = (tmp_path / "again.html").read_text()
    assert again == (tmp_path / "out.html").read_text()
    shutil.copy(tmp_path / "out.json", tmp_path / "new.json")
    assert command("compare").returncode == 0
    data = json.loads((tmp_path / "out.json").read_text())
    (tmp_path / "new.json").write_text(json.dumps({**data, "results": data["results"][:1]}))
    assert command("compare").returncode == 1
    for part, rows in enumerate((data["results"][:1], data["results"][1:]), 1):
        (tmp_path / f"part-{part}.json").write_text(json.dumps({**data, "results": rows}))
    assert command("merge").returncode == 0
    assert json.loads((tmp_path / "all.json").read_text())["results"] == data["results"]
