"""A worker that runs code can change nothing, read no secret and reach nobody; without the wall it can."""

from __future__ import annotations

import re

import pytest

from pytest_onnxaccel.backends.protocol import GROUP
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.isolation.confinement.level import MOVES, level
from suites.sandbox.conftest import Escape, Outside

HERE = level()
needs_landlock = pytest.mark.skipif(HERE.landlock < MOVES, reason=f"NOTHING IS CONFINED HERE: {HERE}")

#: What is refused only from a version of Landlock on, or by the filter of system calls.
SINCE = {"truncate": 3, "tcp": 4, "listen": 4, "kill": 6}
#: A function has no file beside which the plan could lie; suites/plugin/gate/test_function_reference.py has its walls.
BACKENDS = [name for name in registry.names(GROUP) if name != "function"]
SOCKETS = ("tcp", "listen", "udp", "local")
#: How a wall refuses: by itself, as a link across file systems, by the exit of a shell, and what was never there.
REFUSED = re.compile(r"PermissionError: |OSError: \[Errno 18\] |CalledProcessError: |KeyError: 'ONNXACCEL_CANARY'")
#: What must work, behind the wall too.
ALLOWED = {"own", "sealed"}


def expected(tried: dict[str, str]) -> set[str]:
    """What of *tried* this machine's wall refuses."""
    refused = set()
    for way in tried:
        kind = way.partition(":")[0]
        by_filter = HERE.sockets and kind in SOCKETS
        unheard = kind in ("udp", "local") and not (way == "local:abstract" and HERE.landlock >= 6)
        if way not in ALLOWED and (by_filter or (HERE.landlock >= SINCE.get(kind, 1) and not unheard)):
            refused.add(way)
    return refused


@needs_landlock
@pytest.mark.parametrize("ahead", [False, True], ids=["", "ahead"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_behind_the_wall_nothing_outside_is_reached(
    backend: str, ahead: bool, escape: Escape, outside: Outside
) -> None:
    tried = escape(backend, ahead)
    done = {way for way, error in tried.items() if not error}
    assert expected(tried) & done == set()
    assert done >= ALLOWED, {way: tried[way] for way in ALLOWED}
    assert [f"{way}: {error}" for way, error in tried.items() if error and not REFUSED.match(error)] == []
    if HERE.whole:
        assert outside.reached() == []


def test_without_the_wall_all_of_it_is(escape: Escape, outside: Outside) -> None:
    """So that the test above can fail: the same ways, and the canary is there."""
    tried = escape("reference", sandbox="off")
    failed = {way: error for way, error in tried.items() if error}
    # The environment is clean in any case; where another process's lies open depends on the system
    assert set(failed) <= {"variable:secret", "sealed", "peek:parent", "peek:template"}, failed
    assert "variable:secret" in failed
    assert len(outside.reached()) > 5
