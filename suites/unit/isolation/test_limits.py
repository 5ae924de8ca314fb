"""What the machine has and what a process takes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_onnxaccel.isolation import limits
from pytest_onnxaccel.isolation.limits import Limits, free_memory, machine_memory, resident, size_text


def test_the_default_leaves_the_machine_some_memory() -> None:
    found = Limits.default()
    assert found.seconds == 120
    assert found.memory <= machine_memory()
    assert found.memory > 0 or machine_memory() == 0


@pytest.mark.parametrize(("text", "limited"), [("1048576\n", True), ("max\n", False), ("9223372036854771712\n", False)])
def test_a_container_may_have_less_than_the_machine(
    text: str, limited: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_CONTAINER", ())
    whole = machine_memory()
    (tmp_path / "memory.max").write_text(text)
    monkeypatch.setattr(limits, "_CONTAINER", (str(tmp_path / "memory.max"), str(tmp_path / "absent")))
    assert machine_memory() == (1 << 20 if limited else whole)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
def test_resident_memory_of_another_process() -> None:
    code = "import sys; kept = bytearray(64 << 20); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert 64 << 20 < resident(child.pid) < 1 << 30
        child.communicate()
    assert resident(child.pid) == 0
    assert resident(os.getpid()) > 1 << 20


@pytest.mark.parametrize(("size", "text"), [(812_300_000, "812 MB"), (8_000_000_000, "8.0 GB"), (0, "0 MB")])
def test_sizes_in_a_persons_units(size: int, text: str) -> None:
    assert size_text(size) == text


def test_free_memory_is_part_of_what_there_is() -> None:
    assert 0 <= free_memory() <= machine_memory()
