"""The collector stays out of imports, and of the interpreter's end."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

from pytest_onnxaccel.plugin.run.gc_pause import keep_collected, undisturbed

_SCRIPT = """
import atexit, weakref
from pytest_onnxaccel.plugin.run.gc_pause import undisturbed_end

class Tied:
    def __init__(self): self.me = self
    def __del__(self): print("collected")

class Kept: pass

tied, kept = Tied(), Kept()
atexit.register(print, "asked")
weakref.finalize(kept, print, "finalized")
if {wanted}: undisturbed_end()
del tied
"""


def test_the_collector_comes_back() -> None:
    assert gc.isenabled()
    with undisturbed():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with undisturbed():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_end_collects_nothing_and_runs_what_is_registered_for_it() -> None:
    def ended(wanted: bool) -> set[str]:
        code = _SCRIPT.replace("{wanted}", str(wanted))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    assert ended(False) == {"collected", "finalized", "asked"}
    assert ended(True) == {"finalized", "asked"}


_KEEP = """
import gc, os
from pytest_onnxaccel.plugin.run.gc_pause import keep_collected
keep_collected()
first = gc.get_freeze_count()
more = [[] for _ in range(1000)]
keep_collected()
print(first > 0, gc.get_freeze_count() == first)
"""


def test_what_was_collected_is_kept_once_in_a_process() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    done = subprocess.run([sys.executable, "-c", _KEEP], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["True", "True"]


def test_a_run_inside_a_test_keeps_nothing() -> None:
    before = gc.get_freeze_count()
    keep_collected()
    assert gc.get_freeze_count() == before
