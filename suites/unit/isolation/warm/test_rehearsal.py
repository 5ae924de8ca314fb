"""What a template does once for its workers: it opens nothing and starts nothing, and leaves them less to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_onnxaccel.isolation.child.functions import resolve
from pytest_onnxaccel.isolation.warm.blas import find_blas
from pytest_onnxaccel.isolation.warm.modules import REHEARSALS

ROOT = Path(__file__).parents[4]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there are templates on Linux")


def run(code: str) -> str:
    """Run *code* in an interpreter of its own, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


_AROUND = """
import os
import numpy, onnx, onnxruntime
from pytest_onnxaccel.isolation.warm.modules import REHEARSALS
from pytest_onnxaccel.isolation.child.functions import resolve
def seen():
    return len(os.listdir("/proc/self/task")), sorted(os.listdir("/proc/self/fd"))
before = seen()
for reference in REHEARSALS:
    resolve(reference)()
print(before == seen(), *before, *seen())
"""


def test_a_rehearsal_starts_no_thread_and_leaves_no_file_open() -> None:
    assert run(_AROUND).startswith("True")


def test_every_rehearsal_is_there() -> None:
    assert all(callable(resolve(reference)) for reference in REHEARSALS)


def test_a_build_with_an_accelerator_lists_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its device would be opened, and none of the forks could use it."""
    from onnxruntime.capi import onnxruntime_pybind11_state as native

    from pytest_onnxaccel.backends.onnxruntime.kernels import list_kernels

    asked: list[int] = []
    monkeypatch.setattr(native, "get_all_opkernel_def", lambda: asked.append(1), raising=False)
    assert list_kernels()
    monkeypatch.setattr(native, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert not list_kernels()
    monkeypatch.undo()
    assert asked == [1]


_FORKS = """
import os
import numpy
from pytest_onnxaccel.isolation.warm.blas import find_blas
found = find_blas()
before = found.threads
found.use(1)
if not os.fork():
    a = numpy.ones((400, 400), numpy.float32)
    a @ a
    print(len(os.listdir("/proc/self/task")), flush=True)
    os._exit(0)
os.wait()
if not os.fork():
    found.use(before)
    numpy.ones((400, 400)) @ numpy.ones((400, 400))
    print(len(os.listdir("/proc/self/task")) == before, flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(find_blas() is None or find_blas().threads < 2, reason="NumPy has no OpenBLAS of several threads")
def test_a_fork_multiplies_in_one_thread_until_it_asks_for_all() -> None:
    assert run(_FORKS).split() == ["1", "True"]


_ALONE = """
import os
from pytest_onnxaccel.isolation.warm.blas import alone, find_blas
with alone():
    import numpy
found = find_blas()
print(len(os.listdir("/proc/self/task")), "OPENBLAS_NUM_THREADS" in os.environ, found.threads, flush=True)
if not os.fork():
    found.use(found.threads)
    numpy.ones((400, 400)) @ numpy.ones((400, 400))
    print(len(os.listdir("/proc/self/task")), flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(find_blas() is None or find_blas().threads < 2, reason="NumPy has no OpenBLAS of several threads")
def test_a_template_starts_no_threads_of_numpy_and_a_fork_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluator of a large model has as many as it would have had; a variable that says how many decides."""
    for name in ("OPENBLAS_NUM_THREADS", "OPENBLAS_DEFAULT_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    usual = run("import numpy\nfrom pytest_onnxaccel.isolation.warm.blas import find_blas\nprint(find_blas().threads)")
    assert run(_ALONE).split() == ["1", "False", usual, usual]
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert run(_ALONE).split() == ["2", "False", "2", "2"]
