"""The collector stays out of imports, and of the interpreter's end."""

from __future__ import annotations

import gc
import subprocess
import sys

from pytest_onnxaccel.plugin.gc_pause import undisturbed

_SCRIPT = """
import atexit, weakref
from pytest_onnxaccel.plugin.gc_pause import undisturbed_end

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
