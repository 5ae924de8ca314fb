"""The small graphs: each is valid, and behaves as its docstring says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from fixtures import graphs
from fixtures.graphs.inputs import SMALLEST, VOCABULARY
from fixtures.running import run, run_seeded

BUILDERS = sorted(set(graphs.__all__) - {"external_data"})
EVERYWHERE = ["small_cnn", "mlp", "lstm", "two_lstm", "initializers_as_inputs", "unused_initializer"]


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", BUILDERS)
def test_valid_with_the_versions_that_every_backend_takes(name: str) -> None:
    model = getattr(graphs, name)()
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 10
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 17


@pytest.mark.parametrize("name", BUILDERS)
def test_built_afresh_and_alike_each_time(name: str) -> None:
    build = getattr(graphs, name)
    assert build() is not build()
    assert build().SerializeToString() == build().SerializeToString()


@pytest.mark.parametrize("name", EVERYWHERE)
def test_networks_are_the_same_at_every_batch_and_in_the_reference_evaluator(name: str) -> None:
    build = getattr(graphs, name)
    frozen, dynamic = build(batch=1), build(batch="N")
    entry = frozen.graph.input[0]
    batch = random(3, *(dim.dim_value for dim in entry.type.tensor_type.shape.dim[1:]))
    together = run(dynamic, {entry.name: batch})
    expected = ReferenceEvaluator(frozen).run(None, {entry.name: batch[2:]})
    for (output, array), reference in zip(together.items(), expected, strict=True):
        alone = run(frozen, {entry.name: batch[2:]})[output]
        np.testing.assert_allclose(array[2:], alone, atol=1e-6)
        np.testing.assert_allclose(reference, alone, atol=1e-6)
        assert alone.std() > 0.01


def test_two_lstm_is_not_one_lstm_twice() -> None:
    one, two = graphs.lstm(), graphs.two_lstm()
    assert [sum(node.op_type == "LSTM" for node in m.graph.node) for m in (one, two)] == [1, 2]
    assert np.abs(run_seeded(one)["y"] - run_seeded(two)["y"]).max() > 0.01


@pytest.mark.parametrize("how", ["softmax", "mean"])
def test_mixes_samples(how: str) -> None:
    model, x = graphs.mixes_samples(how), random(3, 4)
    assert np.abs(run(model, {"x": x})["y"][:1] - run(model, {"x": x[:1]})["y"]).max() > 0.1


def test_training_mode_batchnorm_mixes_samples() -> None:
    model, x = graphs.training_mode_batchnorm(), random(3, 3, 4)
    assert np.abs(run(model, {"x": x})["y"][:1] - run(model, {"x": x[:1]})["y"]).max() > 0.1


@pytest.mark.parametrize(("name", "width"), [("unstable", 4), ("training_dropout", 64)])
def test_equal_runs_differ(name: str, width: int) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        getattr(graphs, name)().SerializeToString(), providers=["CPUExecutionProvider"]
    )
    x = np.ones((1, width), np.float32)
    assert np.abs(session.run(None, {"x": x})[0] - session.run(None, {"x": x})[0]).max() > 0.1


def test_baked_reshape_runs_and_is_wrong() -> None:
    model = graphs.dynamic_batch_baked_reshape()
    assert run_seeded(model, batch=1)["y"].shape == (1, 4, 2)
    assert run_seeded(model, batch=10)["y"].shape == (1, 40, 2)


def test_free_dims_have_a_smallest_size() -> None:
    model = graphs.free_dims()
    for size in (SMALLEST, SMALLEST + 1, 32):
        assert np.isfinite(run(model, {"image": random(1, 3, size, size)})["pooled"]).all()
    for size in range(1, SMALLEST):
        with pytest.raises(Exception, match="Invalid input shape"):
            run(model, {"image": random(1, 3, size, size)})


def test_impossible_dims_take_one_size_only() -> None:
    assert run(graphs.impossible_dims(), {"x": np.ones((1, 1013), np.float32)})["y"].tolist() == [[1, 1]]
    for size in (1, 2, 8, 224, 1012):
        with pytest.raises(Exception, match="reshape"):
            run(graphs.impossible_dims(), {"x": np.ones((1, size), np.float32)})


def test_int_tokens_have_a_vocabulary() -> None:
    model = graphs.int_tokens()
    assert run(model, {"ids": np.array([[0, VOCABULARY - 1]])})["y"].shape == (1, 4)
    with pytest.raises(Exception, match="out of data bounds"):
        run(model, {"ids": np.array([[0, VOCABULARY]])})


def test_log_domain_is_finite_for_positive_inputs_only() -> None:
    model = graphs.log_domain()
    assert np.isfinite(run(model, {"x": np.full((1, 4), 0.1, np.float32)})["y"]).all()
    assert not np.isfinite(run(model, {"x": np.array([[0, -1, 1, 2]], np.float32)})["y"][0, :2]).any()


def test_unusual_inputs_run() -> None:
    assert run(graphs.string_input(), {"words": np.array(["a", "?"], object)})["codes"].tolist() == [1, -1]
    assert run(graphs.sequence_input(), {"parts": [random(2, 4), random(1, 4)]})["joined"].shape == (3, 4)
    assert run(graphs.float64_model(), {"x": random(2, 4).astype(np.float64)})["y"].dtype == np.float64


def test_external_data_is_outside_the_model_and_the_same_network(tmp_path: Path) -> None:
    for _ in range(2):  # the second call replaces the first one's files
        path = graphs.external_data(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"model.onnx", "weights.bin"}
    bare = onnx.load(path, load_external_data=False)
    assert {t.data_location for t in bare.graph.initializer} == {onnx.TensorProto.EXTERNAL}
    x = random(2, 4)
    np.testing.assert_array_equal(run(path, {"x": x})["y"], run(graphs.mlp(), {"x": x})["y"])
    assert (tmp_path / "weights.bin").stat().st_size < 16 * 1024


def test_unusual_initializers_are_there() -> None:
    declared = graphs.initializers_as_inputs().graph
    assert {t.name for t in declared.initializer} < {entry.name for entry in declared.input}
    unused = graphs.unused_initializer().graph
    assert "dead_weight" in {t.name for t in unused.initializer}
    assert not any("dead_weight" in node.input for node in unused.node)


def test_operators_outside_the_standard() -> None:
    x = random(2, 4)
    assert run(graphs.ms_op(), {"x": x})["y"].shape == (2, 4)
    with pytest.raises(NotImplementedError, match="microsoft"):
        ReferenceEvaluator(graphs.ms_op())
    with pytest.raises(Exception, match="Mystery"):
        run(graphs.custom_op(), {"x": x})
