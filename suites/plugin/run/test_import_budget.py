"""The plugin, installed and unused, costs a pytest run next to nothing, to the end of the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = {"numpy", "onnx", "onnxruntime", "torch", "tensorflow", "hypothesis"}

_RUN = """
import sys, pytest
class Last:
    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self):
        open(sys.argv[1], "w").write("\\n".join(sorted(sys.modules)))
sys.exit(pytest.main(["-p", "no:cacheprovider", "-p", "no:hypothesispytest", *sys.argv[2:]], plugins=[Last()]))
"""


def _modules(folder: Path, *arguments: str) -> set[str]:
    out = folder / "modules.txt"
    command = [sys.executable, "-c", _RUN, str(out), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return set(out.read_text().split("\n"))


def test_unused_it_adds_at_most_15_modules_and_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    without = _modules(tmp_path, "-p", "no:onnxaccel")
    added = _modules(tmp_path) - without
    assert "pytest_onnxaccel.plugin" in added
    assert len(added) <= 15, sorted(added)
    assert not HEAVY & {name.partition(".")[0] for name in added}


def test_collecting_models_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"")
    added = _modules(tmp_path, "--onnx-model=m.onnx", "--collect-only")
    assert not HEAVY & {name.partition(".")[0] for name in added}
