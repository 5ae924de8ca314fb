"""``pytest.raises`` in tests of users: what does not hold is an AssertionError, a fault is an OnnxAccelError."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

import pytest_onnxaccel as api
from fixtures import graphs
from pytest_onnxaccel.core import errors

HEAD = """
import numpy as np
import pytest

from pytest_onnxaccel import CheckFailure, ConfigError, OnnxAccelError, validate
from pytest_onnxaccel.preprocessing import assert_equivalent

"""


@pytest.fixture
def suite(tmp_path: Path, gate: Callable) -> Callable:
    onnx.save(graphs.small_cnn(), tmp_path / "net.onnx")
    (tmp_path / "judges.py").write_text("def never(candidate, reference):\n    return 'never alike'\n")

    def run(text: str, *arguments: str):
        (tmp_path / "test_x.py").write_text(HEAD + text)
        given = ("--onnx-model=net.onnx", "--onnx-backend=ort-cpu", "test_x.py", "-k", "test_x.py")
        return gate(*given, *arguments, env={"PYTHONPATH": str(tmp_path)})

    return run


def test_a_fault_of_the_api_is_no_assertion() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    faults = [kind for kind in kinds if issubclass(kind, api.OnnxAccelError)]
    assert len(faults) > 5
    assert not [kind for kind in faults if issubclass(kind, AssertionError)]
    assert issubclass(api.CheckFailure, AssertionError)
    assert not issubclass(api.CheckFailure, api.OnnxAccelError)


def test_what_pytest_raises_expects(suite: Callable) -> None:
    run = suite(
        """
def right(image): return image.astype(np.float32) / 255
def wrong(image): return image.astype(np.float32) / 256

def test_functions():
    with pytest.raises(AssertionError, match="is not equivalent to") as caught:
        assert_equivalent(right, wrong)
    assert type(caught.value) is CheckFailure
    assert not caught.value.report.equivalent
    with pytest.raises(OnnxAccelError, match="E_CONFIG") as caught:
        assert_equivalent(right, right, tolerance=-1)
    assert not isinstance(caught.value, AssertionError)

def test_a_run(onnx_model, backend):
    inputs = onnx_model.sample()
    with pytest.raises(OnnxAccelError, match="E_INPUT") as caught:
        backend.run(onnx_model, {name: values[..., :-1] for name, values in inputs.items()})
    assert not isinstance(caught.value, AssertionError)
    assert backend.run(onnx_model, inputs)

def test_the_api():
    with pytest.raises(ConfigError, match="ort_cpu"):
        validate("net.onnx", backends=["ort_cpu"])
    results = validate("net.onnx", backends=["ort-cpu"], checks=["structure"])
    with pytest.raises(AssertionError):
        raise CheckFailure(results[0])
"""
    )
    assert run.status == 0, run.out
    assert "3 passed" in run.out


def test_an_assertion_does_not_match_a_fault(suite: Callable) -> None:
    run = suite(
        """
def test_a_run(onnx_model, backend):
    with pytest.raises(AssertionError):
        backend.run(onnx_model, {})

def test_a_file(onnx_model, backend):
    with pytest.raises(AssertionError):
        onnx_model.open("gone.onnx")
"""
    )
    assert run.status == 1, run.out
    assert "2 failed" in run.out
    assert "E_INPUT" in run.out
    assert "gone.onnx" in run.out
    assert "DID NOT RAISE" not in run.out


def test_round_trips(suite: Callable, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.jit.trace(torch.nn.Linear(4, 3).eval(), torch.randn(1, 4)).save(str(tmp_path / "net.pt"))
    run = suite(
        """
def test_changed(round_trip):
    with pytest.raises(AssertionError, match="never alike"):
        round_trip("net.pt", through=("onnx",), inputs=["x:float32:1x4"], compare="judges:never")

def test_kept(round_trip):
    with pytest.raises(AssertionError):
        round_trip("net.pt", through=("onnx",), inputs=["x:float32:1x4"])

def test_gone(round_trip):
    with pytest.raises(AssertionError):
        round_trip("gone.pt", through=("onnx",), required=True)
"""
    )
    assert run.status == 1, run.out
    assert "2 failed, 1 passed" in run.out
    assert "DID NOT RAISE" in run.out
    assert "E_FILE" in run.out


def test_a_batch_that_cannot_be_is_an_assertion_of_the_fixture(suite: Callable, tmp_path: Path) -> None:
    body = "def test_x(onnx_model, backend, frozen_batch): ...\n"
    whole = onnx.helper.make_node("ReduceMean", ["y"], ["z"], axes=[0])
    nodes = [onnx.helper.make_node("Relu", ["x"], ["y"]), whole]
    ends = [onnx.helper.make_tensor_value_info(name, 1, [size, 4]) for name, size in (("x", "n"), ("z", 1))]
    graph = onnx.helper.make_graph(nodes, "net", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 13)])
    onnx.save(model, tmp_path / "net.onnx")
    run = suite(f"@pytest.mark.batch_size(3)\n{body}")
    assert run.status == 1, run.out
    assert "V_BATCH" in run.out
    assert "AssertionError" not in run.out
    run = suite(f"@pytest.mark.xfail(raises=AssertionError, strict=True)\n@pytest.mark.batch_size(3)\n{body}")
    assert run.status == 0, run.out
    assert "1 xfailed" in run.out
    (tmp_path / "net.onnx").write_bytes(np.zeros(9).tobytes())
    run = suite(f"@pytest.mark.xfail(raises=AssertionError)\n@pytest.mark.batch_size(3)\n{body}")
    assert run.status == 1, run.out
    assert "E_" in run.out
