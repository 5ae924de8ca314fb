"""Sources from a user's side: what is said when something is missing, wrong or unsafe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from suites.plugin.pythonpath import before
from suites.plugin.torch_source import NETS

torch = pytest.importorskip("torch")

#: Makes a distribution look as if it were not installed.
WITHOUT_TORCH = """
import importlib.metadata
real = importlib.metadata.version

def version(name):
    if name == "torch":
        raise importlib.metadata.PackageNotFoundError(name)
    return real(name)

importlib.metadata.version = version
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ONNXACCEL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "nets.py").write_text(NETS)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = src\n")
    torch.manual_seed(0)
    module = torch.nn.Sequential()
    module.linear = torch.nn.Linear(4, 3)
    torch.save(module.state_dict(), tmp_path / "net.pth")
    torch.onnx.export(
        module, (torch.rand(1, 4),), tmp_path / "net.onnx", dynamo=False, input_names=["x"], output_names=["y"],
        opset_version=18,
    )  # fmt: skip
    return tmp_path


BASE = ("--onnx-model=net.onnx", "--onnx-backend=ort-cpu", "-k", "parity")
SOURCE = ("--onnx-reference=net.pth", "--onnx-loader=nets:Net")


def test_modules_are_found_in_pytests_pythonpath(gate: Callable, repository: Path) -> None:
    run = gate(*BASE, *SOURCE)
    assert run.status == 0, run.out
    assert run.row("parity")["reference"] == "net.pth"


def test_the_noise_of_a_source_that_a_marker_names(gate: Callable, repository: Path) -> None:
    """Sessions that measure it are opened next to the one that is compared with, in a worker of the same trust."""
    model = onnx.load(repository / "net.onnx")
    weight = next(tensor for tensor in model.graph.initializer if len(tensor.dims) > 1)
    weight.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight) * np.float32(1.001), weight.name))
    onnx.save(model, repository / "off.onnx")
    (repository / "test_net.py").write_text(
        "import pytest\n\n\n@pytest.mark.parametrize('onnx_model', ['net.onnx', 'off.onnx'], indirect=True)\n"
        "@pytest.mark.conversion_parity(reference='net.pth', loader='nets:Net')\n"
        "def test_it(onnx_model, backend): ...\n"
    )
    run = gate("test_net.py", "--onnx-backend=ort-cpu")
    assert run.failed() == [("parity", "V_PARITY")], run.out


def test_a_missing_framework_is_not_judged(gate: Callable, repository: Path) -> None:
    (repository / "conftest.py").write_text(WITHOUT_TORCH)
    run = gate(*BASE, *SOURCE)
    row = run.row("parity")
    assert (row["verdict"], row["code"]) == ("failed", "V_NOTJUDGED")
    assert 'torch: torch is not installed - python -m pip install "pytest-onnxaccel[torch]"' in row["message"]
    strict = gate("--onnx-model=net.onnx", "--onnx-backend=ort-cpu", "--onnx-require=torch", *SOURCE, "-k", "net.pth")
    assert strict.status == 1
    assert ("parity", "E_BACKEND") in strict.failed()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--onnx-reference=absent.pth", "--onnx-loader=nets:Net"), "E_FILE", "absent.pth: does not exist"),
        (
            ("--onnx-reference=net.pth",),
            "E_CONFIG",
            "net.pth: holds 2 tensors and no module (load, torch) - name a callable",
        ),
        (
            ("--onnx-reference=net.pth", "--onnx-loader=nets:Nte"),
            "E_CONFIG",
            "nets has no 'Nte' (load, torch) - did you mean 'Net'?",
        ),
    ],
)
def test_what_is_wrong_with_a_source_fails_with_one_line(
    gate: Callable, repository: Path, arguments: tuple[str, ...], code: str, says: str
) -> None:
    run = gate(*BASE, *arguments)
    assert run.status == 1, run.out
    assert run.failed() == [("parity", code)]
    assert says in run.row("parity")["message"]
    assert "Traceback" not in run.out


def test_the_source_takes_part_as_a_backend_by_name_only(gate: Callable, repository: Path) -> None:
    run = gate("--onnx-model=net.onnx", "--onnx-backend=ort-cpu,torch", *SOURCE, "-k", "contract or parity or latency")
    assert run.status == 0, run.out
    assert run.row("contract", "torch")["verdict"] == "passed"
    assert run.row("latency", "torch")["figures"]["p50_ms"] > 0
    assert run.row("parity")["backend"] == "ort-cpu"
    plain = gate("--onnx-model=net.onnx", "-k", "contract")
    assert "torch" not in {row["backend"] for row in plain.rows}
    without = gate("--onnx-model=net.onnx", "--onnx-backend=ort-cpu,torch", "-k", "contract")
    assert "torch runs the source of a model, and this one declares none" in without.row("contract", "torch")["message"]


DEEP = """
import torch

class Deep(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3), torch.nn.ReLU())
        self.body = torch.nn.ModuleList([torch.nn.Conv2d(6, 6, 3) for _ in range(3)])
        self.head = torch.nn.Linear(6, 2)

    def forward(self, x):
        x = self.stem(x)
        for layer in self.body:
            x = torch.relu(layer(x))
        return self.head(x.mean((2, 3)))
"""


def test_a_fault_against_a_source_is_found_in_the_graph_and_in_the_module(
    gate: Callable, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "src" / "nets.py").write_text(DEEP)
    monkeypatch.syspath_prepend(str(repository / "src"))
    monkeypatch.delitem(sys.modules, "nets", raising=False)  # that of another test's repository
    module = __import__("importlib").import_module("nets").Deep().eval()
    torch.save(module.state_dict(), repository / "net.pth")
    with torch.no_grad():
        module.body[1].weight[2] *= 1.05
    torch.onnx.export(
        module, (torch.rand(1, 3, 16, 16),), repository / "net.onnx", dynamo=False, input_names=["x"],
        output_names=["y"], opset_version=18,
    )  # fmt: skip
    run = gate(*BASE, "--onnx-reference=net.pth", "--onnx-loader=nets:Deep")
    assert run.failed() == [("parity", "V_PARITY")]
    row = run.row("parity")
    assert any("body.1" in line for line in row["details"]), row["details"]
    assert not any("body.0" in line or "body.2" in line for line in row["details"]), row["details"]


def convert(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest_onnxaccel", "convert", *arguments]
    environment = {**os.environ, "PYTHONPATH": before(folder / "src")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("net.pth", "-o", "out.onnx"), 2, "holds 2 tensors and no module"),
        (("net.pth", "-o", "net.pth"), 2, "that is the model itself, which is never overwritten"),
        (("net.pth", "-o", "pytest.ini/out.onnx"), 2, "pytest.ini is not a folder - name another folder"),
        (("net.pth", "-o", "out.onnx", "--batch", "some"), 2, "'some' is not a number of samples"),
        (("net.pth", "-o", "out.onnx", "--input", "x:1"), 2, "holds 2 tensors and no module"),
        (("net.pth", "-o", "out.onnx", "--input", "x:y"), 2, "'x:y' is not an input - write NAME:DTYPE:SHAPE"),
        (
            ("net.pth", "-o", "out.onnx", "--loader", "nets:Net", "--input", "x"),
            2,
            "input 'x' has no dtype and no shape, and PyTorch runs an example to export",
        ),
        (
            ("net.pth", "-o", "out.onnx", "--loader", "nets:Net", "--input", "x:float32:1x4", "--device", "cuda:99"),
            2,
            "PyTorch has no device 'cuda:99' here (convert, torch) - PyTorch has here: cpu",
        ),
        (("net.pth", "-o", "out"), 1, "cannot be converted to a TensorFlow SavedModel"),
        (("pytest.ini", "-o", "out.onnx"), 1, "onnxaccel[E_NOTMODEL] pytest.ini: is not a source of a kind"),
        (
            ("net.pth", "-o", "out.onnx", "--loader", "nets:Net", "--input", "x:float32:1x5"),
            1,
            "the source fails on these inputs",
        ),
    ],
)
def test_what_cannot_be_converted_is_one_line_and_no_file(
    repository: Path, arguments: tuple[str, ...], status: int, says: str
) -> None:
    done = convert(repository, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1), done.stderr
    assert says in done.stderr
    assert not (repository / "out.onnx").exists()
    assert not list(repository.glob("*.tmp"))
