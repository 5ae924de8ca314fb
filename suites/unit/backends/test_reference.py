"""onnx's evaluator as a yardstick: it agrees with ONNX Runtime, upgrades old graphs, and names what it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.helper import make_node

from fixtures import graphs, hazards
from fixtures.graphs.assembly import assemble, value
from fixtures.running import run_seeded
from pytest_onnxaccel.backends.protocol import Backend, LoadOptions, Session
from pytest_onnxaccel.backends.reference import ReferenceBackend
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import TimingPlan


def loaded(model: onnx.ModelProto, folder: Path) -> Session:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return ReferenceBackend().load(str(path), LoadOptions())


def feeds_of(model: onnx.ModelProto) -> dict[str, Any]:
    """What :func:`fixtures.running.run_seeded` feeds."""
    random = np.random.default_rng(0)
    weights = {t.name for t in model.graph.initializer}
    return {
        v.name: random.uniform(-1, 1, [d.dim_value or 1 for d in v.type.tensor_type.shape.dim]).astype(np.float32)
        for v in model.graph.input
        if v.name not in weights
    }


def test_it_is_a_backend_and_an_oracle_that_lacks_operators() -> None:
    backend = ReferenceBackend()
    assert isinstance(backend, Backend)
    assert (backend.role, backend.complete) == ("oracle", False)
    assert backend.availability().ok


@pytest.mark.parametrize("name", ["small_cnn", "mlp", "lstm", "two_lstm", "mixes_samples", "initializers_as_inputs"])
def test_it_agrees_with_onnxruntime(name: str, tmp_path: Path) -> None:
    model = getattr(graphs, name)()
    session = loaded(model, tmp_path)
    expected = run_seeded(model)
    found = session.run(feeds_of(model))
    assert list(found) == list(expected)
    for output, array in found.items():
        np.testing.assert_allclose(array, expected[output], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("opset", [7, 9, 13])
def test_graphs_before_opset_14_are_upgraded_so_that_batchnorm_is_right(opset: int, tmp_path: Path) -> None:
    old = graphs.small_cnn()
    old.opset_import[0].version = opset
    session = loaded(old, tmp_path)
    assert session.info.notes == (f"the graph was upgraded from opset {opset} to 18 for the evaluator",)
    np.testing.assert_allclose(session.run(feeds_of(old))["logits"], run_seeded(old)["logits"], rtol=1e-4, atol=1e-5)


def test_newer_graphs_run_as_they_are(tmp_path: Path) -> None:
    assert loaded(graphs.small_cnn(), tmp_path).info.notes == ()


def test_a_graph_that_cannot_be_upgraded_is_refused_not_run_wrongly(tmp_path: Path) -> None:
    model = graphs.small_cnn()
    model.graph.node[0].op_type = "Frobnicate"
    model.opset_import[0].version = 9
    with pytest.raises(ModelError) as caught:
        loaded(model, tmp_path)
    assert caught.value.code == "E_SCHEMA"
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize(("name", "operator"), [("ms_op", "Gelu"), ("custom_op", "Mystery")])
def test_operators_that_it_lacks_are_named(name: str, operator: str, tmp_path: Path) -> None:
    model = getattr(graphs, name)()
    with pytest.raises(ModelError) as caught:
        loaded(model, tmp_path).run({"x": np.ones((1, 4), np.float32)})
    assert caught.value.code == "E_SCHEMA"
    assert operator in str(caught.value)
    assert caught.value.remedy == "compare with another backend"


def test_a_run_that_fails_is_the_models_matter(tmp_path: Path) -> None:
    session = loaded(graphs.int_tokens(), tmp_path)
    with pytest.raises(ModelError) as caught:
        session.run({"ids": np.full((1, 2), 99)})
    assert caught.value.code == "E_RUN"


def test_memory_that_runs_out_is_called_so(tmp_path: Path) -> None:
    session = loaded(hazards.huge_constant(1 << 60), tmp_path)
    with pytest.raises(MemoryError):
        session.run({"x": np.ones(1, np.float32)})


def test_scalars_are_arrays_and_division_by_zero_is_no_warning(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    nodes = [make_node("Div", ["x", "x"], ["q"]), make_node("ReduceSum", ["q"], ["y"], keepdims=0)]
    session = loaded(assemble("d", nodes, [value("x", 2)], [value("y")]), tmp_path)
    found = session.run({"x": np.zeros(2, np.float32)})["y"]
    assert isinstance(found, np.ndarray)
    assert np.isnan(found)
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


def test_a_sequence_is_told_as_its_tensors(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    output = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, [None])
    session = loaded(assemble("q", [make_node("SequenceConstruct", ["x"], ["y"])], [value("x", 1)], [output]), tmp_path)
    found = session.run({"x": np.ones(1, np.float32)})
    assert {name: array.tolist() for name, array in found.items()} == {"y/0": [1.0]}


def test_files_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        ReferenceBackend().load(str(hazards.garbage(tmp_path / "m.onnx")), LoadOptions())
    assert caught.value.code == "E_PARSE"
    with pytest.raises(ModelError) as caught:
        loaded(hazards.external_missing(), tmp_path)
    assert caught.value.code == "E_EXTERNAL"
    assert str(tmp_path) not in str(caught.value)


def test_it_times_and_closes(tmp_path: Path) -> None:
    session = loaded(graphs.mlp(), tmp_path)
    assert len(session.time({"x": np.ones((1, 4), np.float32)}, TimingPlan(samples=3, seconds=30)).wall_ns) == 3
    session.close()
    session.close()


@pytest.mark.parametrize("rank", [3, 4, 5])
def test_the_largest_of_a_channel_is_taken_over_all_axes_behind_it(rank: int, tmp_path: Path) -> None:
    shape = [2, 3, *range(4, rank + 2)]
    wanted = [2, 3, *[1] * (rank - 2)]
    pool = make_node("GlobalMaxPool", ["x"], ["y"])
    session = loaded(assemble("pool", [pool], [value("x", *shape)], [value("y", *wanted)]), tmp_path)
    x = np.random.default_rng(0).random(shape).astype(np.float32)
    found = session.run({"x": x})["y"]
    assert list(found.shape) == wanted
    np.testing.assert_array_equal(found.reshape(2, 3), x.reshape(2, 3, -1).max(axis=-1))
