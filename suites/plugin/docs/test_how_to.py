"""Every command and file of the how-to pages and the tutorial does what the page says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from suites.pages import code_of

DOCS = Path(__file__).parents[3] / "docs"
PAGES = sorted((DOCS / "how-to").glob("*.md"))


def example(page: str, name: str) -> str:
    return code_of((DOCS / f"{page}.md").read_text(encoding="utf-8"), name, end="\n")


def arguments(page: str, name: str) -> list[str]:
    """What follows ``pytest`` in a command."""
    words = shlex.split(example(page, name))
    assert words[0] == "pytest"
    return words[1:]


def command(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line)
    assert words[0] == "python"
    env = {**os.environ, "ONNXACCEL_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, *words[1:]], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def net(scale: float = 1.0) -> onnx.ModelProto:
    """A layer, a Relu and another layer."""
    draw = np.random.default_rng(0)
    weights = [draw.standard_normal(shape).astype(np.float32) for shape in ((16, 32), (32, 4))]
    weights[1][0] *= scale
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"], name="first"),
        helper.make_node("Relu", ["h"], ["r"], name="relu"),
        helper.make_node("MatMul", ["r", "b"], ["y"], name="second"),
    ]
    shapes = {"x": [1, 16], "y": [1, 4]}
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    tensors = [numpy_helper.from_array(value, name) for value, name in zip(weights, "ab", strict=True)]
    return helper.make_model(
        helper.make_graph(nodes, "g", infos[:1], infos[1:], tensors),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=10,
    )  # fmt: skip


def tokens() -> onnx.ModelProto:
    """An embedding whose rows are kept by a mask."""
    table = np.random.default_rng(1).standard_normal((30, 8)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["e"]),
        helper.make_node("Cast", ["attention_mask"], ["m"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["m", "last"], ["u"]),
        helper.make_node("Mul", ["e", "u"], ["k"]),
        helper.make_node("ReduceSum", ["k", "middle"], ["y"], keepdims=0),
    ]
    ins = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    ]
    tensors = [("table", table), ("last", np.array([2], np.int64)), ("middle", np.array([1], np.int64))]
    return helper.make_model(
        helper.make_graph(
            nodes, "g", ins, [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 8])],
            [numpy_helper.from_array(value, name) for name, value in tensors],
        ),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=10,
    )  # fmt: skip


@pytest.fixture
def model(save: Callable[..., Path]) -> Path:
    return save(net(), "net.onnx")


#: The quick checks of one backend.
QUICK = ("--onnx-backend=ort-cpu", "-k", "structure or contract")


@pytest.mark.usefixtures("model")
def test_only_the_model_checks(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("def test_other():\n    assert False\n")
    page = "how-to/only-the-model-checks"
    assert gate(*arguments(page, "only"), "--onnx-backend=ort-cpu").status == 0
    assert gate(*arguments(page, "argument"), *QUICK).status == 0
    run = gate(*arguments(page, "marker"), "--onnx-backend=ort-cpu")
    assert run.status == 0, run.out
    assert {row["check"] for row in run.rows} == {"structure", "contract", "hygiene", "parity", "batch"}
    assert gate("--onnx-model=net.onnx", "-m", "not onnx").status == 1


def test_token_ids_and_masks(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(tokens(), "tokens.onnx")
    page = "how-to/token-ids-and-masks"
    run = gate(*arguments(page, "nothing"), *QUICK)
    assert run.status == 0, run.out
    found = run.row("contract")["figures"]["inputs"]
    assert found["input_ids"]["domain"]["high"] == 29
    assert "attention_mask" in found
    (tmp_path / "onnxaccel.toml").write_text(example(page, "manifest"))
    run = gate(*QUICK)
    assert run.status == 0, run.out
    assert {one["origin"] for one in run.row("contract")["figures"]["inputs"].values()} == {"given"}


@pytest.mark.usefixtures("model")
def test_float16_and_int8(gate: Callable, save: Callable, tmp_path: Path) -> None:
    from onnxconverter_common import float16

    page = "how-to/float16-and-int8"
    save(float16.convert_float_to_float16(net(), keep_io_types=True), "half.onnx")
    run = gate(*arguments(page, "half"), "--onnx-backend=ort-cpu")
    assert run.status == 0, run.out
    assert any("float16" in note for note in run.row("parity")["notes"])
    small = net()
    for tensor in list(small.graph.initializer):
        values = numpy_helper.to_array(tensor)
        step = np.float32(np.abs(values).max() / 127)
        whole = np.round(values / step).astype(np.int8)
        small.graph.node.insert(
            0, helper.make_node("DequantizeLinear", [f"{tensor.name}_q", f"{tensor.name}_s"], [tensor.name])
        )
        more = [numpy_helper.from_array(whole, f"{tensor.name}_q"), numpy_helper.from_array(step, f"{tensor.name}_s")]
        small.graph.initializer.extend(more)
    for name in "ab":
        small.graph.initializer.remove(next(tensor for tensor in small.graph.initializer if tensor.name == name))
    save(small, "int8.onnx")
    (tmp_path / "onnxaccel.toml").write_text(example(page, "int8"))
    run = gate("--onnx-backend=ort-cpu", "-k", "parity")
    assert run.row("parity")["verdict"] == "passed", run.out
    (tmp_path / "onnxaccel.toml").write_text(example(page, "int8").replace("sqnr:20", "sqnr:90"))
    assert gate("--onnx-backend=ort-cpu", "-k", "parity").row("parity")["verdict"] == "failed"


@pytest.mark.usefixtures("model")
def test_golden_data(gate: Callable, tmp_path: Path) -> None:
    done = command(tmp_path, example("how-to/golden-data", "record"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "net.golden").is_dir()
    run = gate(*arguments("how-to/golden-data", "gate"), "--onnx-backend=ort-cpu", "-k", "parity")
    assert run.status == 0, run.out
    assert run.row("parity")["reference"] == "golden"


@pytest.mark.usefixtures("model")
def test_several_models(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(net(2.0), "other.onnx")
    page = "how-to/several-models"
    run = gate(*arguments(page, "folder"), *QUICK)
    assert run.status == 0, run.out
    assert {row["model"] for row in run.rows} == {"net.onnx", "other.onnx"}
    (tmp_path / "onnxaccel.toml").write_text(example(page, "manifest"))
    run = gate("-k", "structure or batch")
    assert run.status == 0, run.out
    assert {row["model"] for row in run.rows} == {"net", "other"}
    run = gate(*arguments(page, "one"), "-k", "structure")
    assert [row["model"] for row in run.rows] == ["other"]


@pytest.mark.usefixtures("model")
def test_a_gpu_runner_without_a_gpu_fails(gate: Callable) -> None:
    words = arguments("how-to/gpu-runner", "gpu")
    run = gate(*words, "-k", "contract", env={"CUDA_VISIBLE_DEVICES": ""})
    assert run.status == 1, run.out
    assert run.row("contract", "ort-cuda")["verdict"] == "failed"
    assert run.row("contract", "ort-cpu")["verdict"] == "passed"


@pytest.mark.usefixtures("model")
def test_rerun_one_check(gate: Callable, save: Callable) -> None:
    page = "how-to/rerun-one-check"
    run = gate(*arguments(page, "id"))
    assert (run.status, len(run.rows)) == (0, 1)
    save(net(), "right.onnx")
    save(net(1.5), "net.onnx")
    first = (
        "--onnx-backend=ort-cpu",
        "--onnx-reference=right.onnx",
        "-k",
        "structure or parity",
        "-p",
        "cacheprovider",
    )
    assert gate("--onnx-model=net.onnx", *first).status == 1
    run = gate(*arguments(page, "failed"), *first)
    assert [row["check"] for row in run.rows] == ["parity"]
    case = Path(run.folder / run.row("parity")["figures"]["case"])
    assert (case / "repro.py").is_file()


@pytest.mark.usefixtures("model")
def test_what_to_commit(gate: Callable, tmp_path: Path) -> None:
    page = "how-to/what-to-commit"
    run = gate(*arguments(page, "lock"), "--onnx-backend=ort-cpu,reference")
    assert run.status == 0, run.out
    assert (tmp_path / "onnxaccel.lock.toml").is_file()
    assert "onnxaccel-failures/" in example(page, "gitignore").splitlines()


@pytest.mark.usefixtures("model")
def test_accept_a_known_fault(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(net(1.5), "bad.onnx")
    (tmp_path / "onnxaccel.toml").write_text(example("how-to/accept-a-known-fault", "known"))
    run = gate("-k", "parity")
    assert run.status == 0, run.out
    assert "1 xfailed" in run.out
    save(net(), "bad.onnx")
    assert ("parity", "V_KNOWN") in gate("-k", "parity").failed()


def test_every_question_has_its_page() -> None:
    index = (DOCS / "how-to" / "index.md").read_text(encoding="utf-8")
    asked = re.findall(r"^\| (?:[^|]*[?.]) \| \[[^\]]*\]\(([^)]*)\) \|$", index, re.MULTILINE)
    assert sorted(asked) == sorted(page.name for page in PAGES if page.name != "index.md")
    assert len(asked) == 10


SENTENCES = [DOCS / "index.md", DOCS / "tutorial.md", DOCS / "ci.md", DOCS / "reports.md", *PAGES]


@pytest.mark.parametrize("page", SENTENCES, ids=lambda page: page.stem)
def test_sentences_are_short(page: Path) -> None:
    text = re.sub(r"```.*?```|<!--.*?-->|^\|.*?$|^#.*?$|`[^`]*`|\]\([^)]*\)", " ", page.read_text(), flags=re.S | re.M)
    long = [one for one in re.split(r"(?<=[.?!:;])\s|\n\n|\n- ", text) if len(one.split()) > 32]
    assert not long, long


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    pytest.importorskip("torch")
    (tmp_path / "nets.py").write_text(example("tutorial", "nets.py"))
    assert command(tmp_path, "python nets.py").returncode == 0
    return tmp_path


def test_the_tutorial(gate: Callable, weights: Path) -> None:
    done = command(weights, example("tutorial", "convert"))
    assert done.returncode == 0, done.stderr
    assert "gives what the source gives" in done.stdout
    (weights / "onnxaccel.toml").write_text(example("tutorial", "manifest"))
    (weights / "pytest.ini").write_text("[pytest]\n")
    run = gate(*arguments("tutorial", "gate"))
    assert run.status == 0, run.out
    assert len(run.rows) == 6
    assert (weights / "report.html").is_file()
    (weights / "damage.py").write_text(example("tutorial", "damage.py"))
    assert command(weights, "python damage.py").returncode == 0
    run = gate("-k", "parity")
    assert run.failed() == [("parity", "V_PARITY")]
    assert "origin: Conv" in run.row("parity")["message"]


def test_the_walk_through(weights: Path) -> None:
    page = "how-to/pth-to-onnx-to-pb"
    assert command(weights, example(page, "convert")).returncode == 0
    done = command(weights, example(page, "speed").strip() + " --seconds 6 --samples 6 --threads 1")
    assert done.returncode == 0, done.stderr
    assert "PyTorch" in done.stdout
    (weights / "prep.py").write_text(example(page, "prep.py"))
    assert command(weights, "python prep.py").returncode == 0
    if command(weights, "python -m pytest_onnxaccel env onnx-tf --path").returncode == 0:
        done = command(weights, example(page, "pb"))
        assert done.returncode == 0, done.stderr
        done = command(weights, example(page, "trip"))
        assert done.returncode == 0, done.stdout


def test_the_first_page(gate: Callable, model: Path) -> None:
    run = gate(*arguments("index", "first"), *QUICK)
    assert run.status == 0, run.out
    assert (model.parent / "report.html").is_file()
