"""The fixture ``round_trip`` in a repository's own tests: passes, and names what stands in the way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from suites.convert_tf import sources

TESTS = """
def test_there(round_trip):
    result = round_trip("net.pb", through=("onnx",))
    assert result.figures["max_abs"] < 1e-6

def test_absent(round_trip):
    round_trip("gone.pb", through=("onnx",), required=True)

def test_nowhere(round_trip):
    round_trip("net.pb", through=("tflite",))

"""


def test_each_ending(tmp_path: Path) -> None:
    sources.frozen(tmp_path / "net.pb")
    (tmp_path / "test_trips.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--onnx-timeout=300s"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert "PASSED test_trips.py::test_there" in lines, done.stdout
    (absent,) = (line for line in lines if line.startswith("FAILED test_trips.py::test_absent"))
    assert "E_FILE" in absent
    (nowhere,) = (line for line in lines if line.startswith("FAILED test_trips.py::test_nowhere"))
    assert "E_CONFIG" in nowhere
    assert "nothing converts to 'tflite'" in done.stdout
    assert "Traceback" not in done.stdout
