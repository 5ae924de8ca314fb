"""Parsing a file: once for each state of it, refused in one sentence, and no graph inside it is missed."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from fixtures import graphs, hazards
from fixtures.graphs.assembly import assemble, value
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.files import all_graphs, load_graph


def save(model: onnx.ModelProto, path: Path) -> str:
    path.write_bytes(model.SerializeToString())
    return str(path)


def test_a_file_is_parsed_once(tmp_path: Path) -> None:
    path = save(graphs.mlp(), tmp_path / "m.onnx")
    assert load_graph(path) is load_graph(path)


def test_a_file_that_changed_is_parsed_again(tmp_path: Path) -> None:
    path = save(graphs.mlp(), tmp_path / "m.onnx")
    assert load_graph(path).graph.name == "mlp"
    save(graphs.small_cnn(), tmp_path / "m.onnx")
    assert load_graph(path).graph.name == "small_cnn"
    save(graphs.small_cnn(seed=1), tmp_path / "m.onnx")
    os.utime(path, ns=(1, 1))
    assert load_graph(path) == graphs.small_cnn(seed=1)


def test_weights_in_other_files_are_left_there(tmp_path: Path) -> None:
    path = graphs.external_data(tmp_path)
    (tmp_path / "weights.bin").unlink()
    assert load_graph(str(path)).graph.initializer[0].data_location == TensorProto.EXTERNAL


@pytest.mark.parametrize("kind", ["truncated", "garbage", "html", "zip_file", "lfs_pointer", "empty"])
def test_what_is_no_model_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    if kind == "truncated":
        hazards.truncated(path, graphs.small_cnn().SerializeToString())
    else:
        getattr(hazards, kind)(path)
    with pytest.raises(ModelError, match="no ONNX model") as caught:
        load_graph(str(path))
    assert caught.value.code == "E_PARSE"
    assert len(str(caught.value)) <= 300


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file") as caught:
        load_graph(str(tmp_path / "absent.onnx"))
    assert caught.value.code == "E_FILE"


def test_subgraphs_and_functions_are_graphs_too() -> None:
    inner = helper.make_graph([helper.make_node("Neg", ["x"], ["n"])], "inner", [], [value("n", 1)])
    deep = helper.make_node("If", ["c"], ["o"], then_branch=inner, else_branch=inner)
    outer = helper.make_graph([deep], "outer", [], [value("o", 1)])
    top = helper.make_node("If", ["c"], ["y"], then_branch=outer, else_branch=inner)
    boolean = value("c", dtype=TensorProto.BOOL)
    model = assemble("m", [top], [value("x", 1), boolean], [value("y", 1)])
    opsets = [helper.make_opsetid("", 17)]
    function = helper.make_function("d", "f", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], opsets)
    model.functions.append(function)
    assert Counter(g.name for g in all_graphs(model)) == {"m": 1, "outer": 1, "inner": 3, "f": 1}
