"""docs/speed.md does what it says: its command on a network of PyTorch, and its filter on the report."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from suites.plugin.docs.checks.test_golden import NETS

torch = pytest.importorskip("torch")

PAGE = (Path(__file__).parents[3] / "docs" / "speed.md").read_text(encoding="utf-8")


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)
    import nets  # type: ignore[import-not-found]

    module = nets.Net().eval()
    torch.save(module.state_dict(), tmp_path / "net.pth")
    torch.onnx.export(
        module, (torch.zeros(1, 4),), tmp_path / "net.onnx", input_names=["x"], output_names=["y"], dynamo=False
    )
    monkeypatch.delitem(sys.modules, "nets")
    return tmp_path


def test_the_command(net: Path) -> None:
    found = re.search(r"<!-- example: speed -->\n```\w+\n(.*?)\n```", PAGE, re.DOTALL)
    assert found
    program, *arguments = shlex.split(found[1])
    assert program == "python"
    done = subprocess.run(
        [sys.executable, *arguments, "--seconds", "10", "--samples", "12"], cwd=net, capture_output=True, text=True,
        env={**os.environ, "ONNXACCEL_CACHE": str(net / "cache")}, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((net / "out.json").read_text())
    jsonschema.validate(report, json.loads(files("pytest_onnxaccel.report").joinpath("schema-v1.json").read_text()))
    rows = {row["key"]: row for row in report["speed"][0]["rows"]}
    assert rows["source"]["title"].startswith("PyTorch ")
    assert rows["source"]["title"].endswith(", net.pth")
    assert [rows[key]["timed"] for key in ("source", "onnx-tf", "shipped")] == [True, False, True]
    assert rows["source"]["notes"] == []
    # Rows that are not here, as the page shows them
    shown = re.search(r"```text\n(onnx-tf  - .*)\n```", PAGE)
    assert shown
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("onnx-tf")]
    assert re.sub(" {2,}", "  ", line) == shown[1]
    if shutil.which("jq"):
        command = re.search(r"```console\njq (.*)\n```", PAGE)
        assert command
        said = subprocess.run(["jq", *shlex.split(command[1])], cwd=net, capture_output=True, text=True, check=True)
        assert len(said.stdout.splitlines()) == 4
