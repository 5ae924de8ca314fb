"""Copies of models whose weights can be fed, and what tells what ran."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fixtures import graphs
from fixtures.graphs.encoders import WORDS, encoder
from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.backends.reference import ReferenceBackend
from pytest_onnxaccel.graph.reach.variant import movable, moved, mover

BACKENDS = pytest.mark.parametrize("backend", [OrtCpu, ReferenceBackend])


def made(model: Any, folder: Path) -> tuple[dict[str, Any], str]:
    source, target = folder / "m.onnx", folder / "v.onnx"
    source.write_bytes(model.SerializeToString())
    return movable(str(source), str(target)), str(target)


def ids(*rows: list[int], mask: int = 1) -> dict[str, Any]:
    found = np.array(rows, np.int64)
    return {"input_ids": found, "attention_mask": np.full_like(found, mask)}


def test_the_weights_in_the_order_of_their_use(tmp_path: Path) -> None:
    told, _ = made(encoder(), tmp_path)
    assert [w[1] for w in told["weights"]] == ["words.weight", "layer.0.dense.weight", "layer.0.dense.bias"]
    assert told["weights"][0][2] == WORDS * 8
    assert told["answering"] == told["outputs"] == ["sentence"]
    assert told["probes"] == [{"kind": "rows", "value": "input_ids", "label": "words.weight", "size": WORDS, "rank": 0}]


def test_limits_that_are_compared_are_no_weights(tmp_path: Path) -> None:
    """However far they are moved, they show in inputs beside them alone."""
    nodes = [helper.make_node("Less", ["x", "limits"], ["c"]), helper.make_node("Where", ["c", "x", "w"], ["y"])]
    sides = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, [3])] for name in ("x", "y")]
    tensors = [numpy_helper.from_array(np.arange(1, 4, dtype=np.float32), name) for name in ("limits", "w")]
    graph = helper.make_graph(nodes, "g", *sides, tensors)
    told, _ = made(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path)
    assert [label for _, label, _ in told["weights"]] == ["w"]


@BACKENDS
def test_the_copy_is_the_model_until_it_is_fed_other_weights(backend: Any, tmp_path: Path) -> None:
    told, path = made(encoder(), tmp_path)
    session = backend().load(path, LoadOptions(optimize=False))
    plain = backend().load(str(tmp_path / "m.onnx"), LoadOptions()).run(ids([1, 2, 3]))["sentence"]
    np.testing.assert_allclose(session.run(ids([1, 2, 3]))["sentence"], plain, rtol=1e-5)
    move = mover(path)
    for name, _, _ in told["weights"]:
        other = session.run({**ids([1, 2, 3]), **move([name], 0.25)})["sentence"]
        assert np.abs(other - plain).max() > 1e-3, name


@BACKENDS
def test_weights_of_a_branch_are_moved_too(backend: Any, tmp_path: Path) -> None:
    told, path = made(encoder(pooler=True), tmp_path)
    (name,) = [w[0] for w in told["weights"] if "square" in w[0]]
    assert {"kind": "branch", "value": "has_words", "label": "pool", "size": 0, "rank": 0} in told["probes"]
    session, move = backend().load(path, LoadOptions(optimize=False)), mover(path)
    taken, other = ids([1, 2]), {**ids([1, 2]), **move([name], 0.25)}
    assert bool(session.run(taken)["has_words"])
    np.testing.assert_array_equal(session.run(taken)["sentence"], session.run(other)["sentence"])
    # A sentence of padding alone gives zeros, whatever it is multiplied with: the branch runs, and shows nothing
    assert not session.run(ids([1, 2], mask=0))["has_words"]


def test_weights_without_a_path_to_an_output_are_dead(tmp_path: Path) -> None:
    model = encoder()
    model.graph.initializer.append(numpy_helper.from_array(np.ones((4, 4), np.float32), "pooler.weight"))
    model.graph.node.append(helper.make_node("MatMul", ["pooler.weight", "pooler.weight"], ["unused"]))
    told, _ = made(model, tmp_path)
    assert told["dead"] == ["pooler.weight"]
    assert "pooler.weight" not in [w[0] for w in told["weights"]]


def test_sizes_are_no_weights(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [
            helper.make_node(
                "Constant", [], ["filter"], value=numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32))
            ),
            helper.make_node("Conv", ["x", "filter"], ["c"], name="/stem/conv/Conv"),
            helper.make_node("Resize", ["c", "", "scales"], ["y"]),
        ],
        "resizing",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.float32([1, 1, 2, 2]), "scales")],
    )
    told, _ = made(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path)
    assert [w[:2] for w in told["weights"]] == [["filter", "filter"]]


def test_an_output_that_hangs_on_sizes_alone_is_constant(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Shape", ["x"], ["size"]), helper.make_node("Relu", ["x"], ["y"])],
        "sizes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3]),
            helper.make_tensor_value_info("size", TensorProto.INT64, [2]),
        ],
    )
    told, _ = made(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path)
    assert told["answering"] == ["y"]
    assert told["weights"] == []


def test_external_weights_are_moved_where_they_lie(tmp_path: Path) -> None:
    source = tmp_path / "m.onnx"
    onnx.save_model(encoder(), str(source), save_as_external_data=True, size_threshold=0, location="w.bin")
    target = str(tmp_path / "v.onnx")
    told = movable(str(source), target)
    assert len(told["weights"]) == 3
    table = mover(target)(["words.weight"], 0.25)["words.weight"]
    assert table.shape == (WORDS, 8)
    assert (tmp_path / "v.onnx").stat().st_size < 4000


def test_a_copy_that_another_process_wrote(tmp_path: Path) -> None:
    _, path = made(encoder(), tmp_path)
    first = mover(path)(["words.weight"], 0.25)["words.weight"]
    np.testing.assert_array_equal(mover(path)(["words.weight"], 0.25)["words.weight"], first)


def test_the_good_models_all_have_reach(tmp_path: Path) -> None:
    for number, model in enumerate((graphs.small_cnn(), graphs.mlp())):
        folder = tmp_path / str(number)
        folder.mkdir()
        told, path = made(model, folder)
        assert told["weights"]
        assert OrtCpu().load(path, LoadOptions()).info.inputs


# -- how far weights are moved ----------------------------------------------------------------------------------


def test_every_element_keeps_its_sign_and_zeros_stay() -> None:
    array = np.array([[1.0, -2.0, 0.0, 4.0]] * 3000, np.float32)
    found = moved(array, 0.25, 5)
    assert found.dtype == array.dtype
    assert np.array_equal(np.sign(found), np.sign(array))
    size = np.abs(found[array != 0] / array[array != 0])
    assert set(np.round(size, 3).tolist()) == {0.75, 1.25}


def test_zeros_alone_are_moved() -> None:
    assert np.abs(moved(np.zeros(7, np.float32), 0.25, 1)).min() > 0.01


def test_nothing_becomes_infinite() -> None:
    array = np.float16([65000, -65000, -np.inf, 1])
    found = moved(array, 0.9, 3)
    assert np.array_equal(np.isinf(found), np.isinf(array))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_bytes_stay_inside_their_type(dtype: Any) -> None:
    info = np.iinfo(dtype)
    array = np.arange(info.min, info.max + 1, dtype=dtype)
    found = moved(array, 0.25, 9)
    assert found.dtype == dtype
    assert (found != array).all()
