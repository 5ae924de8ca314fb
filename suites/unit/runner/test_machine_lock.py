"""Readers and writers of the machine in several processes: a timing is alone, and its turn comes."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.runner.locks.machine_lock import MachineLock
from suites.unit.processes import PATIENCE

HOLDER = """
import sys
from pytest_onnxaccel.runner.locks.machine_lock import MachineLock
print("asking", flush=True)
with getattr(MachineLock(sys.argv[1]), sys.argv[2])():
    print("held", flush=True)
    sys.stdin.readline()
print("freed", flush=True)
"""


class Holder:
    """A process that asks for a lease and keeps it until it is told to let go."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._out = self._process.stdout
        self._text = b""
        assert self.says("asking")

    def says(self, word: str, seconds: float = PATIENCE) -> bool:
        """It has said *word*, or says it within *seconds*."""
        while word.encode() not in self._text:
            if not select.select([self._out], [], [], seconds)[0]:
                return False
            chunk = os.read(self._out.fileno(), 100)
            if not chunk:
                return False
            self._text += chunk
        return True

    def waits(self) -> bool:
        """It does not hold the lease, and does not get it soon."""
        return not self.says("held", 0.3)

    def _let_go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        assert self.says("freed")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Any]:
    made: list[Holder] = []

    def make(kind: str) -> Holder:
        made.append(Holder(tmp_path / "leases", kind))
        return made[-1]

    yield make
    for one in made:
        one.kill()
        one._process.communicate()


def test_checks_run_beside_each_other(holder: Any) -> None:
    assert holder("shared").says("held")
    assert holder("shared").says("held")


def test_a_timing_waits_for_checks_and_checks_for_a_timing(holder: Any) -> None:
    check = holder("shared")
    assert check.says("held")
    timing = holder("exclusive")
    assert timing.waits()
    check._let_go()
    assert timing.says("held")
    later = holder("shared")
    assert later.waits()
    timing._let_go()
    assert later.says("held")


def test_timings_wait_for_each_other(holder: Any) -> None:
    first = holder("exclusive")
    assert first.says("held")
    second = holder("exclusive")
    assert second.waits()
    first._let_go()
    assert second.says("held")


def test_a_waiting_timing_is_not_starved_by_checks_that_come_later(holder: Any) -> None:
    check = holder("shared")
    assert check.says("held")
    timing = holder("exclusive")
    assert timing.waits()
    late = [holder("shared") for _ in range(3)]
    assert all(one.waits() for one in late)
    check._let_go()
    assert timing.says("held")
    assert all(one.waits() for one in late)
    timing._let_go()
    assert all(one.says("held") for one in late)


@pytest.mark.parametrize("kind", ["shared", "exclusive"])
def test_a_process_that_is_killed_frees_its_lease(kind: str, holder: Any) -> None:
    holds = holder(kind)
    assert holds.says("held")
    waiting = holder("exclusive")
    assert waiting.waits()
    holds.kill()
    assert waiting.says("held")


def test_a_process_that_is_killed_while_it_waits_frees_the_turnstile(holder: Any) -> None:
    check = holder("shared")
    assert check.says("held")
    timing = holder("exclusive")
    assert timing.waits()
    timing.kill()
    assert holder("shared").says("held")


def test_an_error_inside_frees_the_lease(tmp_path: Path) -> None:
    machine_lock = MachineLock(str(tmp_path / "new" / "folder"))
    with pytest.raises(ZeroDivisionError), machine_lock.exclusive():
        1 / 0  # noqa: B018
    with machine_lock.exclusive():
        pass
    assert all(name.startswith("onnxaccel-") for name in os.listdir(tmp_path / "new" / "folder"))
