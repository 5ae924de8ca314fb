"""``python -m pytest_onnxaccel convert`` as the command line of tf2onnx, and where its result goes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from suites.plugin.pythonpath import before
from suites.plugin.torch_source import NETS

torch = pytest.importorskip("torch")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ONNXACCEL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "weights").mkdir()
    torch.manual_seed(0)
    module = torch.nn.Sequential()
    module.linear = torch.nn.Linear(4, 3)
    torch.save(module.state_dict(), tmp_path / "weights" / "net.pth")
    return tmp_path


def convert(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest_onnxaccel", "convert", *arguments]
    environment = {**os.environ, "PYTHONPATH": before(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (("--input", "x:float32:3x4"), "weights/net-batch-3.onnx"),
        (("--input", "x:float32:1x4", "--batch", "5", "--device", "cpu"), "weights/net-batch-5.onnx"),
        (("--input", "x:float32:rowsx4"), "weights/net.onnx"),
        (("--input", "x:float32:1x4", "-o", "made/deep/net.onnx"), "made/deep/net.onnx"),
    ],
)
def test_where_the_result_goes(repository: Path, arguments: tuple[str, ...], written: str) -> None:
    done = convert(repository, "weights/net.pth", "--loader", "nets:Net", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{written}: torch.onnx (dynamo), opset 18\n")
    assert [str(path.relative_to(repository)) for path in repository.rglob("*.onnx") if "cache" not in path.parts] == [
        written
    ]


def test_nothing_is_made_of_what_fails(repository: Path) -> None:
    done = convert(repository, "weights/net.pth", "--loader", "nets:Net", "--input", "x:float32:1x5", "-o", "a/b.onnx")
    assert done.returncode == 1
    assert not (repository / "a").exists()


def test_the_time_limit_of_a_command(repository: Path) -> None:
    known = ("weights/net.pth", "--loader", "nets:Net", "--input", "x:float32:1x4")
    done = convert(repository, *known, "--timeout", "1ms")
    assert done.returncode == 1
    assert "- raise the time limit (--onnx-timeout, or --timeout of a command) if the" in done.stderr
    assert convert(repository, *known, "--timeout", "5min").returncode == 0
    done = convert(repository, *known, "--timeout", "soon")
    assert (done.returncode, "'soon'" in done.stderr) == (2, True)


def test_the_command_line_of_tf2onnx(repository: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    with tf.Graph().as_default() as graph:
        given = [tf.compat.v1.placeholder(tf.float32, [None, 4], name=name) for name in ("X", "X1")]
        tf.add(given[0], 2 * given[1], name="output")
    (repository / "frozen_graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    names = ("--inputs", "X:0,X1:0", "--outputs", "output:0")
    done = convert(repository, "frozen_graph.pb", *names, "--output", "model.onnx", "--fold_const")
    assert done.returncode == 0, done.stderr
    assert "  input X:0 float32[batchx4]\n  input X1:0 float32[batchx4]\n  output output:0 float32[batchx4]\n" in (
        done.stdout
    )
    session = ort.InferenceSession(repository / "model.onnx", providers=["CPUExecutionProvider"])
    ones = np.ones((2, 4), np.float32)
    assert session.run(None, {"X:0": ones, "X1:0": ones})[0].max() == 3
    done = convert(repository, "frozen_graph.pb", "--input", "X:0,X2:0", "--output", "no.onnx")
    assert done.returncode == 1
    assert "the source has no input 'X2:0': it has X:0, X1:0" in done.stderr
    done = convert(repository, "frozen_graph.pb", "--input", "X:0[2,4],X1:0[2,4]", "--device", "cuda")
    assert (done.returncode, "tf2onnx converts on the CPU" in done.stderr) == (2, True)
    done = convert(repository, "frozen_graph.pb", "--input", "X:0[2,4],X1:0[2,4]")
    assert done.stdout.startswith("frozen_graph-batch-2.onnx: "), done.stderr


def test_where_a_tensorflow_graph_goes_must_be_said(repository: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from fixtures import graphs

    onnx.save(graphs.small_cnn(), repository / "net.onnx")
    done = convert(repository, "net.onnx")
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1, done.stderr
    assert not list(repository.glob("net-batch*"))


def test_a_wrong_batch_is_told_in_words(repository: Path, gate: Callable) -> None:
    (repository / "test_it.py").write_text(
        "import numpy as np\n\n"
        "def test_fed(convert):\n"
        '    made = convert("weights/net.pth", loader="nets:Net", inputs=["x:float32:2x4"])\n'
        '    assert made.run({"x": np.zeros((2, 4), np.float32)})["output"].shape == (2, 3)\n'
        '    made.run({"x": np.zeros((3, 4), np.float32)})\n'
    )
    run = gate("test_it.py")
    assert "the model is frozen to batch 2 and was fed batch 3" in run.out
    assert "freeze it to batch 3" in run.out
