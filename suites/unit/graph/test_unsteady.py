"""Nodes in training mode, put at rest; nodes taken over from another file; norms beside folded layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.probe.folded import folded
from pytest_onnxaccel.graph.probe.node_diff import node_diff
from pytest_onnxaccel.graph.probe.transplant import transplant
from pytest_onnxaccel.graph.probe.unsteady import rest, unsteady
from suites.reports import files, hidden
from suites.reports.making import FLOAT, model, node, value


def saved(folder: Path, name: str, made: onnx.ModelProto) -> str:
    onnx.save(made, folder / f"{name}.onnx")
    return str(folder / f"{name}.onnx")


@pytest.mark.parametrize(
    ("made", "kinds"),
    [
        (files.with_norm(training_mode=1), ["batch statistics"]),
        (files.with_norm(), []),
        (files.dropping(True), ["dropout"]),
        (files.dropping(False), []),
        (files.sampler()[0], ["random"]),
    ],
)
def test_what_is_unsteady_is_found(tmp_path: Path, made: onnx.ModelProto, kinds: list[str]) -> None:
    assert [one["kind"] for one in unsteady(saved(tmp_path, "m", made))["nodes"]] == kinds


@pytest.mark.parametrize("made", [files.with_norm(training_mode=1), files.dropping(True)])
def test_at_rest_nothing_is_unsteady(tmp_path: Path, made: onnx.ModelProto) -> None:
    path, target = saved(tmp_path, "m", made), str(tmp_path / "rest.onnx")
    assert rest(path, target) == {"changed": 1}
    assert unsteady(target)["nodes"] == []
    onnx.checker.check_model(onnx.load(target), full_check=True)


def test_statistics_that_are_read_cannot_be_put_at_rest(tmp_path: Path) -> None:
    made = files.with_norm(training_mode=1)
    made.graph.output.append(value("mean_out", FLOAT, [6]))
    with pytest.raises(ModelError, match="further results of BatchNormalization 'norm' are read"):
        rest(saved(tmp_path, "m", made), str(tmp_path / "rest.onnx"))


def test_statistics_that_only_dead_nodes_read_can_be_put_at_rest(tmp_path: Path) -> None:
    """A quantiser adds pairs of QuantizeLinear and DequantizeLinear behind them."""
    made = files.with_norm(training_mode=1)
    norm = next(n for n in made.graph.node if n.op_type == "BatchNormalization")
    made.graph.node.append(node("Neg", [norm.output[1]], ["unread"], "dead"))
    target = str(tmp_path / "rest.onnx")
    assert rest(saved(tmp_path, "m", made), target) == {"changed": 1}
    assert "dead" not in [n.name for n in onnx.load(target).graph.node]
    onnx.checker.check_model(onnx.load(target), full_check=True)


def test_a_transplanted_node_has_the_weights_of_the_other_file(tmp_path: Path) -> None:
    wrong, right = hidden.amplified(1.0, 3.0), hidden.amplified(1.0, 2.0)
    paths = saved(tmp_path, "a", wrong), saved(tmp_path, "b", right)
    target = str(tmp_path / "c.onnx")
    assert transplant(*paths, [["b", "b"]], target) == {"replaced": ["b"]}
    assert node_diff(paths[0], "b", paths[1], "b")["differences"]
    assert node_diff(target, "b", paths[1], "b")["differences"] == []
    assert transplant(*paths, [["b", "c"]], target) == {"replaced": []}, "another operator"


def whole(**changes: Any) -> onnx.ModelProto:
    made = files.folded()
    for tensor in made.graph.initializer:
        if tensor.name in changes:
            array = onnx.numpy_helper.to_array(tensor)
            tensor.CopyFrom(onnx.numpy_helper.from_array(changes[tensor.name](array), tensor.name))
    return made


def scaled(place: int, factor: float) -> Any:
    def change(array: Any) -> Any:
        made = array.copy()
        made[place] *= np.float32(factor)
        return made

    return change


def turned(array: Any) -> Any:
    made = array.copy()
    made[1, 0, 0, 0] += np.float32(0.5)
    return made


@pytest.mark.parametrize(
    ("changes", "which", "what"),
    [
        ({}, "neither", ""),
        ({"k": turned}, "layer", "weights of channel 1 are others"),
        ({"k": scaled(2, 2.0)}, "layer", "weights of channel 2 are 0.5 times those folded"),
        ({"c0": scaled(3, 1.5)}, "norm", "shift of channel 3"),
        ({"k": lambda k: k * np.float32(1.1), "c0": lambda c: c + np.float32(0.3)}, "norm", "scale of 6 of 6 channels"),
    ],
)
def test_the_layer_or_the_norm(tmp_path: Path, changes: Any, which: str, what: str) -> None:
    paths = saved(tmp_path, "a", files.with_norm()), saved(tmp_path, "b", whole(**changes))
    told = folded(paths[0], "n", paths[1], "c")
    assert told["which"] == which
    assert what in told["what"]


def test_without_a_norm_nothing_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path, "a", files.folded())
    assert folded(path, "c", path, "c") == {"which": "", "what": ""}


def pooled(**attributes: Any) -> onnx.ModelProto:
    nodes = [node("MaxPool", ["x"], ["y"], "pool", kernel_shape=[2, 2], **attributes)]
    return model(nodes, [value("x", FLOAT, [1, 1, 4, 4])], [value("y", FLOAT, None)])


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ({}, {"strides": [1, 1]}, []),
        ({"pads": [0, 0, 0, 0]}, {}, []),
        ({"ceil_mode": 0}, {}, []),
        ({"strides": [2, 2]}, {}, ["strides=[2, 2] instead of not given"]),
        ({}, {"ceil_mode": 1}, ["ceil_mode=0 (its default) instead of 1"]),
    ],
)
def test_defaults_are_no_changes(tmp_path: Path, ours: Any, theirs: Any, told: list[str]) -> None:
    paths = saved(tmp_path, "a", pooled(**ours)), saved(tmp_path, "b", pooled(**theirs))
    assert node_diff(paths[0], "y", paths[1], "y")["differences"] == told


@pytest.mark.parametrize(("axis", "told"), [(2, False), (1, True)])
def test_a_softmax_of_another_opset_is_told_where_it_is_another_one(tmp_path: Path, axis: int, told: bool) -> None:
    paths = (saved(tmp_path, "a", files.classified(opset=13, axis=axis)),
             saved(tmp_path, "b", files.classified(opset=11, axis=axis)))  # fmt: skip
    differences = node_diff(paths[0], "y", paths[1], "y")["differences"]
    assert bool(differences) == told
    assert not told or differences[0].startswith("Softmax of opset 13 instead of 11 (from 13 on: one axis")
