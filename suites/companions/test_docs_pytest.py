"""What docs/pytest.md says: the ids can be run, and its table has every plugin that is tried."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

from suites.companions.sample import build
from suites.companions.test_companions import PLUGINS
from suites.pages import code_of

PAGE = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")
example = partial(code_of, PAGE)


def test_the_ids(tmp_path: Path) -> None:
    folder = build(tmp_path / "repository")
    outs = []
    for line in example("ids").strip().splitlines():
        words = re.findall(r'"[^"]+"|\S+', line.removeprefix("pytest "))
        command = [sys.executable, "-m", "pytest", "--onnx-backend=ort-cpu", "--co", "-q"]
        done = subprocess.run(
            [*command, *(word.strip('"') for word in words)],
            cwd=folder, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        outs.append([one for one in done.stdout.splitlines() if "::" in one])
    assert outs[0] == ["onnxaccel.toml::right::parity"]
    assert outs[1] == ["net.onnx::structure"]
    assert "net.onnx::parity[ort-cpu~unoptimized-b1]" in outs[2]
    assert not [one for one in outs[2] if "latency" in one or one.startswith(("net.onnx::batch", "test_net.py"))]


def test_the_table_has_every_plugin() -> None:
    table = PAGE.partition("<!-- example: plugins -->")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines()[3:] for name in row.split("|")[1].replace(",", " ").split()}
    assert named == PLUGINS.keys()
