"""The fixtures ``onnx_model``, ``backend``, ``frozen_batch`` and the markers, in a repository's own tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures import graphs

OURS = ("test_ours.py", "--onnx-backend=ort-cpu", "-k", "test_ours", "-v")


@pytest.fixture
def tests(tmp_path: Path) -> Callable[[str], None]:
    """``tests(code)``: the repository's own test file."""

    def write(code: str) -> None:
        (tmp_path / "test_ours.py").write_text(f"import numpy as np\nimport pytest\n\n{code}\n")

    return write


def test_the_example_of_the_product(gate: Callable, tests: Callable, shipped: Path) -> None:
    tests(
        """
@pytest.mark.conversion_parity(reference="reference")
def test_still_the_model(onnx_model, backend): ...

@pytest.mark.batch_size(1, 3)
def test_serves_every_batch(onnx_model, backend, frozen_batch):
    scores, boxes = backend.run(frozen_batch, frozen_batch.sample(seed=0))
    assert scores.shape == (frozen_batch.batch_size, 4420, 2)
    assert boxes.shape == (frozen_batch.batch_size, 4420, 4)
    assert frozen_batch.path.endswith(("slim-320-batch-3.onnx", "model.onnx"))

@pytest.mark.latency_budget(p95="60s", threads=1)
def test_fast_enough(onnx_model, backend, frozen_batch): ...
"""
    )
    run = gate(*OURS, f"--onnx-model={shipped}/slim-320.onnx")
    assert run.status == 0, run.out
    assert "4 passed" in run.out
    found = [(r["check"], r["reference"], r["batch"], r["verdict"]) for r in run.rows]
    assert sorted(found, key=str) == sorted(
        [
            ("parity", "reference", 1, "passed"),
            ("batch", "", 1, "passed"),
            ("batch", "", 3, "passed"),
            ("latency", "", 1, "passed"),
        ],
        key=str,
    )
    assert run.row("latency")["figures"]["budget"] == {"p95_ms": 60000.0}


def test_a_model_says_what_it_is(gate: Callable, tests: Callable, save: Callable) -> None:
    tests(
        """
def test_ours_model(onnx_model):
    assert onnx_model.name == "small.onnx"
    assert onnx_model.path.endswith("small.onnx")
    assert onnx_model.opset == 17
    assert onnx_model.producer
    (x,) = onnx_model.inputs
    assert (x.dtype, x.shape) == ("float32", ("N", 3, 8, 8))
    one, same, other = onnx_model.sample(seed=1), onnx_model.sample(seed=1), onnx_model.sample(seed=2)
    assert one[x.name].shape == (1, 3, 8, 8)
    assert (one[x.name] == same[x.name]).all() and (one[x.name] != other[x.name]).any()
    assert onnx_model.sample(batch=5)[x.name].shape == (5, 3, 8, 8)
"""
    )
    run = gate(*OURS, f"--onnx-model={save(graphs.small_cnn(batch='N'), 'small.onnx')}")
    assert run.status == 0, run.out


def test_a_frozen_model_refuses_another_batch_with_a_sentence(gate: Callable, tests: Callable, save: Callable) -> None:
    tests(
        """
def test_ours_wrong_batch(onnx_model, backend):
    backend.run(onnx_model, onnx_model.sample(batch=10))
"""
    )
    run = gate(*OURS, f"--onnx-model={save(graphs.small_cnn())}")
    assert run.status == 1
    assert "the model is frozen to batch 1 and was fed batch 10" in run.out


def test_the_marker_decides_after_the_body(gate: Callable, tests: Callable, save: Callable) -> None:
    tests(
        """
@pytest.mark.latency_budget(p50="1ns", threads=1)
def test_ours_slow(onnx_model, backend): ...

@pytest.mark.conversion_parity(source="other.onnx")
def test_ours_other(onnx_model, backend): ...

@pytest.mark.conversion_parity(source="other.onnx", atol=1e9)
def test_ours_loose(onnx_model, backend): ...

@pytest.mark.conversion_parity(source="other.onnx", atol=1e9)
def test_ours_body_fails_first(onnx_model, backend):
    assert False, "the body spoke"
"""
    )
    model = save(graphs.small_cnn(seed=0))
    save(graphs.small_cnn(seed=1), "other.onnx")
    run = gate(*OURS, f"--onnx-model={model}", "--rootdir=.")
    assert "3 failed, 1 passed" in run.out, run.out
    assert sorted(run.failed()) == [("latency", "V_LATENCY"), ("parity", "V_PARITY")]
    assert "over the limit of 1e-06 ms" in run.row("latency")["message"]
    assert "the body spoke" in run.out


def test_batch_size_without_frozen_batch_proves_all_sizes(gate: Callable, tests: Callable, save: Callable) -> None:
    tests(
        """
@pytest.mark.batch_size(1, 2, 5)
def test_ours_sizes(onnx_model, backend): ...
"""
    )
    run = gate(*OURS, f"--onnx-model={save(graphs.small_cnn())}")
    assert run.status == 0, run.out
    assert run.row("batch")["figures"]["sizes"] == [1, 2, 5]
    run = gate(*OURS, f"--onnx-model={save(graphs.dynamic_batch_baked_reshape())}")
    assert run.failed() == [("batch", "V_BATCH")]


def test_without_a_model_tests_are_skipped_with_the_reason(gate: Callable, tests: Callable) -> None:
    tests("def test_ours(onnx_model, backend, frozen_batch): ...")
    run = gate("test_ours.py", "-rs")
    assert run.status == 0
    assert "no model was given: use --onnx-model PATH" in run.out


def test_a_backend_that_is_not_here_skips_or_fails(gate: Callable, tests: Callable, save: Callable) -> None:
    tests("def test_ours(onnx_model, backend): backend.run(onnx_model, onnx_model.sample())")
    model = f"--onnx-model={save(graphs.mlp())}"
    run = gate("test_ours.py", model, "-k", "test_ours and ort-cuda", "--onnx-backend=ort-cuda", "-rs")
    assert run.status == 0
    assert "onnxruntime-gpu is not installed" in run.out
    run = gate("test_ours.py", model, "-k", "test_ours and ort-cuda", "--onnx-require=ort-cuda")
    assert run.status == 1
    assert "ort-cuda is required" in run.out


def test_a_bad_file_fails_the_tests_that_use_it(gate: Callable, tests: Callable, tmp_path: Path) -> None:
    tests("def test_ours(onnx_model, backend): ...")
    (tmp_path / "bad.onnx").write_bytes(b"\x08")
    run = gate(*OURS, "--onnx-model=bad.onnx")
    assert run.status == 1
    assert "onnxaccel[E_PARSE] bad.onnx" in run.out


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ("conversion_parity(rtoll=1)", "did you mean 'rtol'"),
        ("batch_size('three')", "batch_size"),
        ("latency_budget(p95='12')", "unit"),
        ("latency_budget()", "sets no limit"),
    ],
)
def test_a_wrong_marker_is_a_usage_error(gate: Callable, tests: Callable, marker: str, says: str) -> None:
    tests(f"@pytest.mark.{marker}\ndef test_ours(onnx_model, backend): ...")
    run = gate("test_ours.py")
    assert run.status == 4, run.out
    assert says in run.out
    assert "test_ours.py::test_ours" in run.out
    assert "Traceback" not in run.out


def test_a_marker_needs_its_fixtures(gate: Callable, tests: Callable) -> None:
    tests("@pytest.mark.batch_size(3)\ndef test_ours(onnx_model): ...")
    run = gate("test_ours.py")
    assert run.status == 4
    assert "needs backend" in run.out
