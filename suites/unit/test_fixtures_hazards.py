"""The bad files do what they are there for: each is loaded by a process of its own, with limits."""

from __future__ import annotations

import platform
import signal
import stat
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from fixtures import graphs, hazards

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits and signals of POSIX")

# Says how far it came on stdout; an address space of 4 GiB keeps a hungry model from hurting the machine.
LOADER = """
import resource, sys
import numpy as np, onnxruntime
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.RLIM_INFINITY))
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
print("loaded", flush=True)
session.run(None, {entry.name: np.ones(1, np.float32) for entry in session.get_inputs()})
print("ran", flush=True)
"""

INVALID = ["cyclic", "future_ir", "future_opset", "unknown_operator", "wrong_types"]
EXTERNAL = ["external_escape", "external_missing"]
RUNTIME = ["div_crash", "mod_crash", "endless_loop", "huge_constant"]
FILES = ["empty", "garbage", "html", "lfs_pointer", "zip_file"]


def load(path: Path, code: str = LOADER) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def written(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_every_hazard_is_tested_here() -> None:
    assert {*INVALID, *EXTERNAL, *RUNTIME, *FILES, "fifo", "truncated"} == set(hazards.__all__)


@pytest.mark.parametrize("name", RUNTIME)
def test_runtime_hazards_are_small_and_pass_the_full_checker(name: str) -> None:
    model = getattr(hazards, name)()
    onnx.checker.check_model(model, full_check=True)
    assert len(model.SerializeToString()) <= (133 if name.endswith("crash") else 300)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="traps on x86-64 only")
@pytest.mark.parametrize("name", ["div_crash", "mod_crash"])
def test_crashes_kill_the_process_while_the_model_is_loaded(name: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    result = load(written(getattr(hazards, name)(), tmp_path))
    release = tuple(int(part) for part in onnxruntime.__version__.split(".")[:2])
    if name == "mod_crash" and release >= (1, 32):
        assert result.returncode == 0, result.stderr
    else:
        assert (result.returncode, result.stdout) == (-signal.SIGFPE, "")


def test_the_endless_loop_loads_starts_and_does_not_end(tmp_path: Path) -> None:
    path = written(hazards.endless_loop(), tmp_path)
    with subprocess.Popen([sys.executable, "-c", LOADER, str(path)], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "loaded\n"
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(timeout=2)
        finally:
            child.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_huge_constant_takes_its_size(tmp_path: Path) -> None:
    # Not ru_maxrss: a child starts with its parent's.
    code = LOADER + "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    peaks = []
    for size in (1 << 10, 256 << 20):
        result = load(written(hazards.huge_constant(size), tmp_path), code)
        assert result.returncode == 0, result.stderr
        peaks.append(int(result.stdout.split()[-1]) << 10)
    assert peaks[1] - peaks[0] > 250 << 20


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not limit the address space")
def test_a_huge_constant_does_not_fit(tmp_path: Path) -> None:
    result = load(written(hazards.huge_constant(), tmp_path))
    assert result.returncode != 0
    assert "ran" not in result.stdout
    assert "alloc" in result.stderr or "MemoryError" in result.stderr


@pytest.mark.parametrize("name", INVALID + EXTERNAL)
def test_invalid_models_parse_and_do_not_load(name: str, tmp_path: Path) -> None:
    path = written(getattr(hazards, name)(), tmp_path)
    assert onnx.load(path, load_external_data=False).graph.node
    result = load(path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "onnxruntime" in result.stderr


def test_files_that_are_no_model_do_not_load(tmp_path: Path) -> None:
    paths = [getattr(hazards, name)(tmp_path / name) for name in FILES]
    whole = graphs.small_cnn().SerializeToString()
    paths.append(hazards.truncated(tmp_path / "truncated", whole))
    assert whole.startswith(paths[-1].read_bytes())
    assert 0 < paths[-1].stat().st_size < len(whole)
    for path in paths:
        result = load(path)
        assert (result.returncode, result.stdout) == (1, ""), path.name


def test_a_fifo_is_one(tmp_path: Path) -> None:
    assert stat.S_ISFIFO(hazards.fifo(tmp_path / "pipe.onnx").stat().st_mode)
