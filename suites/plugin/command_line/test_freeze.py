"""``python -m pytest_onnxaccel freeze`` as a user runs it: what is printed, what is written, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from fixtures import graphs
from fixtures.running import run as run_model

Freeze = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def freeze(tmp_path: Path) -> Freeze:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest_onnxaccel", "freeze", *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert "Traceback" not in done.stdout + done.stderr
        assert not list(tmp_path.glob("**/*.tmp"))
        return done

    return run


def batch_of(path: Path) -> int:
    return int(onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0].dim_value)


def test_the_shipped_detector(freeze: Freeze, shipped: Path, tmp_path: Path) -> None:
    before = (shipped / "slim-320.onnx").read_bytes()
    done = freeze(shipped / "slim-320.onnx", "--batch", "10", "-o", "out.onnx")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "out.onnx: batch 10, method rewrite"
    assert "  input 'input': 1x3x240x320 -> 10x3x240x320" in lines
    assert sum("[1, 3600, 2] -> [10, 3600, 2]" in line for line in lines) == 1
    assert lines[-1].startswith(
        "proven on ort-cpu: 10 distinct samples at once give what the original gives at batch 1: "
    )
    assert (shipped / "slim-320.onnx").read_bytes() == before
    images = np.random.default_rng(0).uniform(-1, 1, (10, 3, 240, 320)).astype(np.float32)
    alone = [run_model(shipped / "slim-320.onnx", {"input": image[None]}) for image in images]
    for name, found in run_model(tmp_path / "out.onnx", {"input": images}).items():
        np.testing.assert_allclose(found, np.concatenate([one[name] for one in alone]), rtol=1e-4, atol=1e-5)


def test_by_default_it_goes_beside_the_model(freeze: Freeze, save: Callable, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    save(graphs.small_cnn(batch="N"), "models/net.onnx")
    done = freeze("models/net.onnx", "--batch", "4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("models/net-batch-4.onnx: batch 4, method fixed\n")
    assert batch_of(tmp_path / "models" / "net-batch-4.onnx") == 4


@pytest.mark.parametrize("method", ["dims", "scan", "unroll"])
def test_one_method(freeze: Freeze, save: Callable, tmp_path: Path, method: str) -> None:
    save(graphs.small_cnn())
    done = freeze("model.onnx", "--batch", "3", "--method", method, "--backend", "ort-cpu")
    assert done.stdout.startswith(f"model-batch-3.onnx: batch 3, method {method}\n"), done.stderr
    assert batch_of(tmp_path / "model-batch-3.onnx") == 3


def test_a_model_that_mixes_its_samples_runs_once_for_each_and_says_so(freeze: Freeze, save: Callable) -> None:
    save(graphs.mixes_samples())
    done = freeze("model.onnx", "--batch", "3")
    assert "batch 3, method scan" in done.stdout, done.stderr
    assert "not fixed: output 'y': " in done.stdout


def test_the_batch_that_it_has_is_a_copy(freeze: Freeze, save: Callable, tmp_path: Path) -> None:
    model = save(graphs.small_cnn())
    done = freeze("model.onnx", "--batch", "1", "-o", "same.onnx")
    assert "nothing to prove" in done.stdout
    assert (tmp_path / "same.onnx").read_bytes() == model.read_bytes()


@pytest.mark.parametrize(
    ("model", "arguments", "says"),
    [
        (graphs.dynamic_batch_baked_reshape(1), ["--method", "dims"], "no 'dims' way to batch 3 could be proven"),
        (graphs.dynamic_batch_baked_reshape(1), ["--method", "dims"], "the batch is held by Reshape 'reshape'"),
        (graphs.dynamic_batch_baked_reshape(1), ["--method", "fixed"], "there is no dynamic dimension to set"),
        (graphs.unstable(1), [], "V_UNSTABLE] model.onnx: two equal runs of the model differ"),
        (graphs.mixes_samples(batch=4), [], "frozen at batch 4, and its samples depend on each other"),
    ],
)  # fmt: skip
def test_what_cannot_be_proven_is_one_line_and_no_file(
    freeze: Freeze, save: Callable, tmp_path: Path, model: onnx.ModelProto, arguments: list[str], says: str
) -> None:
    save(model)
    done = freeze("model.onnx", "--batch", "3", "-o", "out.onnx", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert says in done.stderr
    assert not (tmp_path / "out.onnx").exists()


def test_a_file_that_is_no_model(freeze: Freeze, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"\x08")
    done = freeze("bad.onnx", "--batch", "3")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "onnxaccel[E_PARSE] bad.onnx" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "required: --batch"),
        (["--batch", "0"], "'0' is not a whole number above 0"),
        (["--batch", "many"], "'many' is not a whole number above 0"),
        (["--batch", "3", "--method", "guess"], "invalid choice: 'guess'"),
        (["--batch", "3", "-o", "model.onnx"], "model.onnx: that is the model itself, which is never overwritten"),
        (["--batch", "3", "-o", "link.onnx"], "link.onnx: that is the model itself, which is never overwritten"),
        (["--batch", "3", "-o", "model.onnx/out.onnx"], "model.onnx is not a folder"),
        (["--batch", "3", "-o", "."], "is a folder"),
        (["--batch", "3", "--backend", "ort-cpuu"], "did you mean 'ort-cpu'?"),
    ],
)
def test_usage_errors(freeze: Freeze, save: Callable, tmp_path: Path, arguments: list[str], says: str) -> None:
    model = save(graphs.small_cnn())
    (tmp_path / "link.onnx").symlink_to(model)
    before = model.read_bytes()
    done = freeze("model.onnx", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert model.read_bytes() == before


def test_a_manifest_gives_the_inputs(freeze: Freeze, save: Callable, tmp_path: Path) -> None:
    save(graphs.small_cnn())
    manifest = tmp_path / "onnxaccel.toml"
    manifest.write_text('[models.net]\npath = "model.onnx"\nrtol = 0.0\natol = 1e-3\n')
    done = freeze("model.onnx", "--batch", "3", "--manifest", manifest)
    assert "(rtol 0, atol 0.001)" in done.stdout, done.stderr
    save(graphs.mlp(), "other.onnx")
    done = freeze("other.onnx", "--batch", "3", "--manifest", manifest)
    assert (done.returncode, "no model of this manifest is that file" in done.stderr) == (2, True)
