"""The child's own parts that need no child: warnings picked from a log, memory, and names turned into objects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.isolation.child.functions import GRAPH_FUNCTIONS, make_backend, resolve
from pytest_onnxaccel.isolation.child.own_memory import peak_memory, reset_peak_memory
from pytest_onnxaccel.isolation.child.runtime_warnings import warning_lines


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        ("2026-11-20 12:00:00.123456 [W:onnxruntime:, graph.cc:1234 CleanUnused] Removing initializer 'w'.",
         "Removing initializer 'w'."),
        ("\x1b[0;93m2026-11-20 12:00:00.1 [W:onnxruntime:Default, graph.cc:1 F] coloured\x1b[m", "coloured"),
        ("[W:onnxruntime:, graph.cc:1 F] without a time", "without a time"),
        ("2026-11-20 12:00:00.1 [W:onnxruntime:, g.cc:1 F] ::set-output a\x07b", ": :set-output a\\x07b"),
    ],
)  # fmt: skip
def test_warnings_lose_their_stamps(line: str, warning: str) -> None:
    assert warning_lines(line) == [warning]


def test_only_warnings_and_each_once() -> None:
    log = (
        "2026-11-20 12:00:00.1 [W:onnxruntime:, g.cc:1 F] one\n"
        "2026-11-20 12:00:00.1 [E:onnxruntime:, g.cc:1 F] an error\n"
        "preload of x: no such module\n"
        "2026-11-20 12:00:00.2 [W:onnxruntime:, g.cc:1 F] two\n"
        "2026-11-20 12:00:00.3 [W:onnxruntime:, g.cc:1 F] one\n"
    )
    assert warning_lines(log) == ["one", "two"]
    assert warning_lines("") == []


def test_a_warning_of_any_length_is_cut() -> None:
    assert len(warning_lines("[W:onnxruntime:, g.cc:1 F] " + "x " * 250_000)[0]) == 400


def test_backends_by_reference_and_by_name() -> None:
    assert isinstance(make_backend("pytest_onnxaccel.backends.onnxruntime.cpu:OrtCpu"), OrtCpu)
    assert isinstance(make_backend("ort-cpu"), OrtCpu)


@pytest.mark.parametrize("name", GRAPH_FUNCTIONS)
def test_every_graph_function_exists(name: str) -> None:
    assert callable(resolve(GRAPH_FUNCTIONS[name]))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the system does not tell")
def test_the_peak_starts_again() -> None:
    code = (
        "from pytest_onnxaccel.isolation.child.own_memory import peak_memory, reset_peak_memory\n"
        "big = b'x' * (200 << 20); high = peak_memory(); del big\n"
        "now = reset_peak_memory(); print(high, now, peak_memory())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    high, now, after = map(float, result.stdout.split())
    assert high > 200
    assert now < 150
    assert after < 150


def test_memory_of_this_process() -> None:
    found = peak_memory()
    assert found is None or found > 1
    now = reset_peak_memory()
    assert now is None or now > 1


def test_a_worker_knows_no_pytest_and_no_framework_until_it_is_asked() -> None:
    code = (
        "import sys, pytest_onnxaccel.isolation.worker; "
        "print(sorted({'pytest', 'numpy', 'onnx', 'onnxruntime'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
