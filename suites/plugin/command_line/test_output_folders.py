"""Every command makes the folders of what it writes, and says in one line where it cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPORT = "r.json"
#: A command, and what it writes below the folder that is given.
COMMANDS = {
    "record": (["record", "net.onnx", "-o", "{}/net.golden"], "net.golden/golden.json"),
    "freeze": (["freeze", "net.onnx", "--batch=1", "-o", "{}/n.onnx"], "n.onnx"),
    "speed": (["speed", "net.onnx", "--seconds=3", "--report={}/s.json", "--state={}/state.json"], "s.json"),
    "report": (["report", REPORT, "-o", "{}/r.md"], "r.md"),
    "compare": (["compare", REPORT, REPORT, "-o", "{}/c.json"], "c.json"),
    "merge": (["merge", REPORT, "-o", "{}/m.json"], "m.json"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fixtures.graphs import small_cnn

    made = tmp_path_factory.mktemp("output")
    (made / "net.onnx").write_bytes(small_cnn().SerializeToString())
    (made / "pytest.ini").write_text("[pytest]\n")
    arguments = ["-q", "--onnx-model=net.onnx", "--onnx-only", "-k", "structure", f"--onnx-report={REPORT}"]
    subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=made, check=True, capture_output=True)
    return made


def run(folder: Path, command: list[str], target: str) -> tuple[int, str]:
    words = [word.format(target) if "{}" in word else word for word in command]
    done = subprocess.run(
        [sys.executable, "-m", "pytest_onnxaccel", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_missing_folders_are_made(folder: Path, name: str) -> None:
    command, written = COMMANDS[name]
    status, out = run(folder, command, f"made by {name}/a/b")
    assert status == 0, out
    assert (folder / f"made by {name}/a/b" / written).stat().st_size > 0


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_in_the_way_is_one_line(folder: Path, name: str) -> None:
    command, _ = COMMANDS[name]
    status, out = run(folder, command, "net.onnx/a")
    assert status == 2, out
    (told,) = [line for line in out.splitlines() if "onnxaccel[" in line]
    assert "name a folder" in told or "name another folder" in told or "--state" in told
    assert "Traceback" not in out
