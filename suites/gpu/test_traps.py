"""What makes a GPU runner green without a GPU, with the real wheels: each is a failure with its reason.

Needs no GPU, and a folder for two wheels of a gigabyte together, which ``ONNXACCEL_TRAPS`` names; they are installed
there once. Without it these tests are skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_onnxaccel.doctor.machine import nvidia_driver
from pytest_onnxaccel.environments import locate

FOLDER = os.environ.get("ONNXACCEL_TRAPS", "")
PLUGINS = ("onnxruntime-ep-openvino", "onnxruntime-ep-webgpu")

pytestmark = [
    pytest.mark.skipif(not FOLDER, reason="ONNXACCEL_TRAPS names no folder for the wheels of the traps"),
    pytest.mark.skipif(bool(nvidia_driver()), reason="there is an NVIDIA driver: suites/gpu/test_gpu.py is for such"),
]


def pip(python: str, *arguments: str) -> None:
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", *arguments], check=True)


@pytest.fixture(scope="module")
def gpu_python() -> Path:
    """An interpreter with the GPU wheel and no CUDA libraries."""
    folder = Path(FOLDER) / "gpu"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pins = locate.pins_file("ort-openvino", sys.version_info[:2]).read_text().splitlines()
        wanted = [line for line in pins if line and not line.startswith(("#", "onnxruntime"))]
        pip(str(python), "onnxruntime-gpu", *wanted)
        (folder / "ready").touch()
    return python


@pytest.fixture(scope="module")
def plugins() -> Path:
    """A folder of plugin providers, to be put on the path."""
    folder = Path(FOLDER) / "plugins"
    if not (folder / "ready").exists():
        pip(sys.executable, "--target", str(folder), *PLUGINS)
        (folder / "ready").touch()
    return folder


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    from fixtures.graphs import small_cnn

    (tmp_path / "net.onnx").write_bytes(small_cnn().SerializeToString())
    return Gate(tmp_path)


class Gate:
    """Runs the contract check on a small network as a user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, path: Path | None = None, **variables: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--onnx-only", "-k", "contract",
                   "--onnx-model=net.onnx", *arguments]  # fmt: skip
        return self.run(command, path, variables)

    def doctor(self, path: Path | None = None) -> str:
        return self.run([sys.executable, "-m", "pytest_onnxaccel", "doctor"], path)[1]

    def run(self, command: list[str], path: Path | None, variables: Mapping[str, str] = {}) -> tuple[int, str]:
        more = {**variables, **({} if path is None else {"PYTHONPATH": str(path)})}
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, env={**os.environ, **more}
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_raw_onnxruntime_falls_back_in_silence(gpu_python: Path) -> None:
    """Why nothing is believed: the list of providers has CUDA, and a session is made."""
    code = (
        "import onnxruntime as ort; from onnx import TensorProto as T, helper as h; "
        "v = [h.make_tensor_value_info(n, T.FLOAT, [1]) for n in 'xy']; "
        "m = h.make_model(h.make_graph([h.make_node('Neg', ['x'], ['y'])], 'g', v[:1], v[1:]), ir_version=8, "
        "opset_imports=[h.make_opsetid('', 13)]); "
        "s = ort.InferenceSession(m.SerializeToString(), providers=['CUDAExecutionProvider', 'CPUExecutionProvider']); "
        "print('CUDAExecutionProvider' in ort.get_available_providers(), s.get_providers())"
    )
    done = subprocess.run([str(gpu_python), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True ['CPUExecutionProvider']"


@pytest.mark.parametrize("backend", ["ort-cuda", "ort-tensorrt"])
def test_the_gpu_wheel_without_cuda(gate: Gate, gpu_python: Path, backend: str) -> None:
    status, out = gate(f"--onnx-backend={backend}", f"--onnx-python={backend}={gpu_python}")
    assert status == 1
    assert "execution provider did not start, and ONNX Runtime would fall back to the CPU: lib" in out
    status, out = gate(f"--onnx-require={backend}", f"--onnx-python={backend}={gpu_python}")
    assert status == 1
    assert f"contract[{backend}]" in out


@pytest.mark.parametrize("hidden", ["devices", "libraries"])
def test_what_is_hidden(gate: Gate, gpu_python: Path, tmp_path: Path, hidden: str) -> None:
    """Devices by CUDA_VISIBLE_DEVICES; libraries by others of their names, which come first."""
    variables = {"CUDA_VISIBLE_DEVICES": ""}
    if hidden == "libraries":
        for name in ("libcublasLt.so.12", "libcublasLt.so.13", "libcudart.so.12", "libcudart.so.13", "libcuda.so.1"):
            (tmp_path / name).write_text("not a library")
        variables = {"LD_LIBRARY_PATH": str(tmp_path)}
    status, out = gate("--onnx-backend=ort-cuda", f"--onnx-python=ort-cuda={gpu_python}", **variables)
    assert status == 1
    assert "execution provider did not start, and ONNX Runtime would fall back to the CPU: lib" in out


def test_a_device_index_without_cuda(gate: Gate, gpu_python: Path) -> None:
    status, out = gate("--onnx-backend=ort-cuda:7", f"--onnx-python=ort-cuda={gpu_python}")
    assert status == 1
    assert "backend ort-cuda:7 was judged by 0 checks" in out


def test_both_wheels_over_each_other(gate: Gate, gpu_python: Path) -> None:
    path = next((gpu_python.parent.parent / "lib").glob("python*")) / "site-packages"
    status, out = gate("--onnx-backend=ort-cuda", path=path)
    assert status == 1
    assert "onnxruntime-gpu and onnxruntime are installed over each other" in out
    assert "python -m pip uninstall -y onnxruntime onnxruntime-gpu" in out


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_without_a_device(gate: Gate, plugins: Path, plugin: str) -> None:
    name = plugin.replace("onnxruntime-ep-", "ort-ep-")
    said = f"of {plugin} is registered, and offers no device on this machine"
    if said not in gate.doctor(plugins):
        pytest.skip(f"{plugin} offers a device here")
    status, out = gate(f"--onnx-backend={name}", path=plugins)
    assert status == 1
    assert said in out
    status, out = gate(f"--onnx-backend=ort-cpu,{name}", f"--onnx-require={name}", path=plugins)
    assert status == 1
    assert "1 passed" in out


def test_the_passing_twin(gate: Gate, plugins: Path) -> None:
    status, out = gate("--onnx-backend=ort-cpu", path=plugins)
    assert status == 0
    assert "1 passed" in out
