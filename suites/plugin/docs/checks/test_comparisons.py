"""The examples of docs/comparisons.md do what the page says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.comparisons import Comparison
from suites.comparisons.rows import joined
from suites.planted.making import model, node, random, value

PAGE = (Path(__file__).parents[4] / "docs" / "comparisons.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)\n```", PAGE, re.DOTALL)
    assert found, f"the page has no example {name}"
    return found[1] + "\n"


def with_embedding(part: str, noise: float = 0.0) -> onnx.ModelProto:
    """The detector of the suite, and an embedding of its first cells."""
    made = joined(part)
    weights = random(8, 16, seed=7) + noise * random(8, 16, seed=8)
    made.graph.initializer.append(numpy_helper.from_array(weights.astype(np.float32), "e"))
    made.graph.node.append(helper.make_node("MatMul", ["x", "e"], ["embedding"], name="embed"))
    made.graph.output.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 120, 16]))
    return made


@pytest.fixture(autouse=True)
def models(save: Callable) -> None:
    save(with_embedding("original"), "original.onnx")
    save(with_embedding("healthy", 0.01), "detector.onnx")


def test_every_kind_is_on_the_page() -> None:
    for kind in Comparison.KINDS:
        assert f'"{kind}' in PAGE or kind == "function", kind


@pytest.mark.parametrize("how", ["manifest", "marker"])
def test_it_is_said_in_each_place(gate: Callable, save: Callable, tmp_path: Path, how: str) -> None:
    arguments = ["--onnx-backend=ort-cpu", "-k", "parity or detector"]
    if how == "manifest":
        (tmp_path / "onnxaccel.toml").write_text(example("manifest"))
        arguments = ["-k", "parity"]
    else:
        (tmp_path / "test_detector.py").write_text(example("marker"))
        arguments = ["--onnx-model=detector.onnx", "--onnx-backend=ort-cpu", "test_detector.py", "-k", "test_detector"]
    run = gate(*arguments)
    assert run.status == 0, run.out
    row = run.row("parity")
    assert "compared as cosine:0.999: embedding" in row["notes"]
    assert "compared as rows (TopK 'best'): rows" in row["notes"]
    assert row["figures"]["outputs"]["embedding"]["cosine"] > 0.999
    save(with_embedding("healthy", 0.2), "detector.onnx")
    run = gate(*arguments)
    assert run.failed() == [("parity", "V_PARITY")]
    assert "cosine 0.9" in run.row("parity")["message"]
    assert "is below 0.999" in run.row("parity")["message"]


def test_a_function_of_ones_own(gate: Callable, save: Callable, tmp_path: Path) -> None:
    (tmp_path / "onnxaccel.toml").write_text(example("function manifest"))
    (tmp_path / "checks.py").write_text(example("function"))
    save(with_embedding("original", 0.001), "detector.onnx")
    run = gate("-k", "parity")
    assert run.status == 0, run.out
    assert "compared as checks:alike: embedding" in run.row("parity")["notes"]
    save(with_embedding("original", 0.1), "detector.onnx")
    run = gate("-k", "parity")
    assert run.failed() == [("parity", "V_PARITY")]
    assert (
        "output 'embedding': checks:alike says that it differs: Not equal to tolerance" in run.row("parity")["message"]
    )


@pytest.mark.parametrize(
    ("code", "failed", "says"),
    [
        ("def alike(candidate, reference):\n    return candidate\n", "E_CONFIG", "checks:alike: gives ndarray"),
        ("def alike(candidate, reference):\n    raise KeyError('a')\n", "E_RUN", "checks:alike: raises KeyError"),
        ("def alike(candidate):\n    pass\n", "E_CONFIG", "is called with two arrays"),
        ("def alik(candidate, reference):\n    pass\n", "E_CONFIG", "did you mean 'alik'"),
        ("import os\ndef alike(a, b):\n    os._exit(3)\n", "E_CRASH", "checks:alike"),
    ],
    ids=["gives an array", "raises", "takes one", "is absent", "ends the process"],
)
def test_a_function_that_cannot_be_used(gate: Callable, tmp_path: Path, code: str, failed: str, says: str) -> None:
    (tmp_path / "onnxaccel.toml").write_text(example("function manifest"))
    (tmp_path / "checks.py").write_text(code)
    run = gate("-k", "parity")
    assert run.failed() == [("parity", failed)]
    assert says in run.row("parity")["message"], run.out


def decoder(scale: float = 1.0) -> onnx.ModelProto:
    """One output with minus infinity, one with drawn numbers."""
    return model(
        [node("Relu", ["x"], ["r"]), node("Log", ["r"], ["log_probabilities"], "log"),
         node("RandomNormalLike", ["x"], ["e"], "eps"), node("Add", ["x", "e"], ["z"])],
        [value("x", TensorProto.FLOAT, [2, 6])],
        [value("log_probabilities", TensorProto.FLOAT, [2, 6]), value("z", TensorProto.FLOAT, [2, 6])], {},
    )  # fmt: skip


def test_infinities_and_random_numbers(gate: Callable, save: Callable, tmp_path: Path) -> None:
    save(decoder(), "decoder.onnx")
    text = example("allowed") + "[models.decoder.inputs.x]\nrange = [-1, 1]\n"
    (tmp_path / "onnxaccel.toml").write_text(text)
    run = gate("-k", "not latency and not batch")
    assert run.status == 0, run.out
    assert "compared as dtype and shape alone (allow_random): z" in run.row("parity")["notes"]
    (tmp_path / "onnxaccel.toml").write_text(text.replace("allow_random = true\n", ""))
    run = gate("-k", "not latency")
    assert run.failed() == [("contract", "V_UNSTABLE")]
    assert "RandomNormalLike 'eps' draws numbers" in run.row("contract")["message"]
    assert run.row("parity")["verdict"] == "not_applicable"
    assert "see contract[ort-cpu]" in run.row("parity")["message"]
    (tmp_path / "onnxaccel.toml").write_text(text.replace('allow_inf = ["log_probabilities"]\n', ""))
    run = gate("-k", "contract")
    assert run.failed() == [("contract", "V_NONFINITE")]
    (tmp_path / "onnxaccel.toml").write_text(text.replace('"log_probabilities"', '"log_probs"'))
    run = gate("-k", "contract")
    assert run.failed() == [("contract", "E_CONFIG")]
    assert "allow_inf names output 'log_probs'" in run.row("contract")["message"]


def test_a_known_fault_is_expected_and_loud_when_it_is_gone(gate: Callable, save: Callable, tmp_path: Path) -> None:
    manifest = tmp_path / "onnxaccel.toml"
    manifest.write_text(example("known"))
    run = gate("-k", "parity", "--onnx-strict")
    assert run.status == 0, run.out
    assert "1 xfailed" in run.out
    assert "xfailed: parity" in run.out
    assert "known fault, accepted: the exporter rounds Resize otherwise, bug 4711" in run.out
    row = run.row("parity")
    assert (row["verdict"], row["code"]) == ("failed", "V_PARITY")
    assert row["xfail"] == "the exporter rounds Resize otherwise, bug 4711"
    assert run.report["summary"] == {"passed": 0, "failed": 0, "inconclusive": 0, "not_applicable": 0, "xfailed": 1}

    named = '{code = "V_PARITY", reason = "bug 4711", outputs = ["%s"]}'
    line = '"V_PARITY: the exporter rounds Resize otherwise, bug 4711"'
    manifest.write_text(example("known").replace(line, named % "embedding"))
    assert gate("-k", "parity").status == 0
    manifest.write_text(example("known").replace(line, named % "rows"))
    run = gate("-k", "parity")
    assert run.failed() == [("parity", "V_PARITY")]  # another output is at fault

    manifest.write_text(example("known").replace("V_PARITY", "V_CONTRACT"))
    assert gate("-k", "parity").failed() == [("parity", "V_PARITY")]

    manifest.write_text(example("known"))
    save(with_embedding("healthy"), "detector.onnx")
    run = gate("-k", "parity")
    assert run.failed() == [("parity", "V_KNOWN")]
    assert "is gone" in run.row("parity")["message"]
    assert "onnxaccel.toml [models.detector.known]" in run.row("parity")["message"]


def test_an_operator_set_that_is_not_imported_fails_once(gate: Callable, save: Callable) -> None:
    made = model([node("Relu", ["x"], ["y"])], [value("x", 1, [2, 3])], [value("y", 1, [2, 3])], {})
    made.graph.node[0].op_type, made.graph.node[0].domain = "Gelu", "com.microsoft"
    run = gate(f"--onnx-model={save(made)}", "--onnx-backend=ort-cpu,reference", "-k", "structure or parity")
    assert [check for check, _ in run.failed()] == ["structure"], run.out
    assert "see structure" in run.row("parity")["message"]
