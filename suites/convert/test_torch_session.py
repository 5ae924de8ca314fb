"""The backend ``torch``: names, modes, repeatability, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_nets import Mlp, Named, Two, seeded

from pytest_onnxaccel.backends.protocol import LoadOptions, SourceOptions
from pytest_onnxaccel.backends.pytorch.argument_names import flatten, pair, to_array, to_tensor
from pytest_onnxaccel.backends.pytorch.backend import TorchBackend
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import TensorSpec, TimingPlan
from suites.convert.conftest import HERE

X = np.random.default_rng(0).uniform(-1, 1, (3, 4, 4)).astype(np.float32)


@pytest.fixture
def opened(staged: Callable, weights: Callable) -> Callable[..., Any]:
    def load(net: Any = Mlp, inputs: tuple[str, ...] = ("x",), outputs: tuple[str, ...] = ("y",), **more: Any) -> Any:
        source = staged(weights(net))
        specs = tuple(TensorSpec(name, "float32", None) for name in inputs)
        options = SourceOptions(source.kind, f"torch_nets:{net.__name__}", (HERE,), specs, outputs)
        return TorchBackend().load(source.path, LoadOptions(source=options, **more))

    return load


def test_it_runs_in_eval_mode_twice_the_same_and_leaves_its_feeds(opened: Callable) -> None:
    session = opened()
    feeds = {"x": X.copy()}
    first, again = session.run(feeds), session.run(feeds)
    with torch.no_grad():
        expected = seeded().eval()(torch.from_numpy(X)).numpy()
    np.testing.assert_array_equal(first["y"], again["y"])
    np.testing.assert_allclose(first["y"], expected, atol=1e-6)
    np.testing.assert_array_equal(feeds["x"], X)
    assert session.info.notes == ("it was in training mode and was switched to eval()",)
    first["y"][:] = 0
    np.testing.assert_array_equal(session.run(feeds)["y"], again["y"])


def test_inputs_by_name_and_else_by_order(opened: Callable) -> None:
    a, b = X[:, 0], X[:, 1]
    with torch.no_grad():
        expected = seeded(Two).eval()(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    by_name = opened(Two, ("b", "a")).run({"b": b, "a": a})["y"]
    by_order = opened(Two, ("first", "second")).run({"first": a, "second": b})["y"]
    np.testing.assert_allclose(by_name, expected, atol=1e-6)
    np.testing.assert_allclose(by_order, expected, atol=1e-6)


def test_outputs_by_name_and_else_by_order(opened: Callable) -> None:
    feeds = {"x": X}
    same = opened(Named, outputs=("probs", "logits")).run(feeds)
    assert list(same) == ["probs", "logits"]
    np.testing.assert_allclose(same["probs"].sum(-1), 1, atol=1e-5)
    made_up = opened(Named, outputs=("add_1", "softmax")).run(feeds)
    np.testing.assert_array_equal(made_up["softmax"], same["probs"])
    with pytest.raises(ModelError, match="the source calls its outputs logits, probs, the ONNX model probs, other"):
        opened(Named, outputs=("probs", "other")).run(feeds)
    with pytest.raises(ModelError, match="the source gives 2 outputs") as caught:
        opened(Named, outputs=("probs",)).run(feeds)
    assert caught.value.code == "V_CONTRACT"


def test_threads_of_one_session_are_not_anothers(opened: Callable) -> None:
    before = torch.get_num_threads()
    one, own = opened(threads=1), opened()
    one.run({"x": X})
    assert torch.get_num_threads() == 1
    own.run({"x": X})
    assert torch.get_num_threads() == before
    assert (one.info.facts["threads"], own.info.facts["threads"]) == (1, before)


def test_other_kernels_are_used_for_that_session_alone(opened: Callable) -> None:
    plain = opened().run({"x": X})["y"]
    other = opened(kernels="no-onednn").run({"x": X})["y"]
    np.testing.assert_allclose(plain, other, atol=1e-5)
    assert torch.backends.mkldnn.enabled if hasattr(torch.backends.mkldnn, "enabled") else True


def test_it_is_timed_and_closed(opened: Callable) -> None:
    session = opened()
    timing = session.time({"x": X}, TimingPlan(samples=5, warmup=1, seconds=1))
    assert len(timing.wall_ns) == 5
    session.close()
    session.close()
    with pytest.raises(ModelError, match="the session is closed"):
        session.run({"x": X})


def test_a_forward_that_fails_is_one_line(opened: Callable) -> None:
    with pytest.raises(ModelError, match="the source fails on these inputs: RuntimeError: ") as caught:
        opened().run({"x": X[..., :3]})
    assert caught.value.code == "E_RUN"
    assert "\n" not in str(caught.value)


def test_without_a_source_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="torch runs the source of a model, not an ONNX file - name the source"):
        TorchBackend().load(str(tmp_path / "m.onnx"), LoadOptions())


def test_results_of_any_shape_are_flattened() -> None:
    from collections import namedtuple

    one, two = torch.zeros(1), torch.ones(2)
    assert [name for name, _ in flatten([one, (two, None)])] == ["", ""]
    assert [name for name, _ in flatten(namedtuple("Out", "boxes scores")(one, two))] == ["boxes", "scores"]
    assert [name for name, _ in flatten({"a": one, "b": [two, one]})] == ["a", "b", "b"]
    assert pair(flatten((one, two)), ()).keys() == {"output_0", "output_1"}
    with pytest.raises(ModelError, match="the source gives a str, which is not a tensor"):
        flatten("text")


@pytest.mark.parametrize("dtype", ["float16", "float64", "int64", "uint8", "bool", "complex64"])
def test_arrays_go_there_and_back(dtype: str) -> None:
    array = (np.arange(6).reshape(2, 3) % 2).astype(dtype)
    np.testing.assert_array_equal(to_array(to_tensor("x", np.asfortranarray(array))), array)
    assert to_array(to_tensor("x", array)).dtype == array.dtype


def test_bfloat16_goes_there_and_back() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([0.5, -3.0], ml_dtypes.bfloat16)
    assert to_tensor("x", array).dtype is torch.bfloat16
    np.testing.assert_array_equal(to_array(to_tensor("x", array)), array)
    with pytest.raises(ModelError, match="PyTorch has no"):
        to_tensor("x", np.array(["text"], object))
