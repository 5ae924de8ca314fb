"""Re-freezing on hand-made graphs: requests, inputs, declared dimensions and how results join."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.rebatch.join import concat, joined, same, stack
from pytest_onnxaccel.graph.rebatch.rebatch import diagnose, methods, rebatch
from suites.rebatch.proof import session
from suites.unit.graph.rebatch.rebatching import (
    FLOAT,
    Save,
    const,
    declared_values,
    node,
    only,
    relu,
    saver,
    value,
    verdict,
    verdicts,
    weights,
)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a model of one input ``x`` (unless told otherwise) and gives its path."""
    return saver(tmp_path)


@pytest.mark.parametrize("batch", ["N", None])
def test_fixed_sets_a_dynamic_batch(save: Save, batch: str | None) -> None:
    path = relu(save, batch, value_info=[])
    assert verdicts(path) == only("fixed", "rewrite", "scan", "unroll")
    assert methods(path) == ["fixed", "scan", "unroll"]
    done = rebatch(path, path + ".new", 5)
    assert (done["method"], done["batch_from"]) == ("fixed", batch)
    assert "input 'x': " in done["edited"][0]  # type: ignore[index]
    for found in (session(path + ".new").get_inputs()[0], session(path + ".new").get_outputs()[0]):
        assert found.shape == [5, 4]


def test_fixed_replaces_the_symbol_everywhere(save: Save) -> None:
    nodes = [node("Relu", ["x"], ["h"]), node("Relu", ["h"], ["y"])]
    path = save(nodes, {"x": ["N", 4]}, {"y": ["N", 4]}, value_info=[value("h", ["N", 4])])
    rebatch(path, path + ".new", 5, "fixed")
    assert b"N" not in {
        d.dim_param.encode() for v in declared_values(path + ".new") for d in v.type.tensor_type.shape.dim
    }


def test_fixed_is_wrong_when_the_graph_bakes_a_batch_of_one(save: Save) -> None:
    nodes = [node("Reshape", ["x", "to"], ["y"])]
    path = save(nodes, {"x": ["N", 2, 4]}, {"y": [None, None]}, [const("to", [1, -1])])
    assert verdicts(path) == only("rewrite", "scan", "unroll", wrong=["fixed"])
    assert methods(path) == ["fixed", "rewrite", "scan", "unroll"]


def test_fixed_does_not_apply_to_a_fixed_batch(save: Save) -> None:
    assert "fixed at 1" in verdict(relu(save), "fixed")


def test_dims_is_enough_for_a_plain_graph(save: Save) -> None:
    path = relu(save)
    assert verdicts(path) == only("dims", "rewrite", "scan", "unroll")
    done = rebatch(path, path + ".new", 10)
    assert done["method"] == "dims"
    assert done["edited"] == ["input 'x': 1x4 -> 10x4", "output 'y': 1x4 -> 10x4"]
    assert done["holds_batch"] == []


def test_dims_alone_is_refuted_by_the_shape(save: Save) -> None:
    """As the simplified detector: it runs without an error, and gives one sample of N times as many rows."""
    path = save([node("Reshape", ["x", "to"], ["y"])], {"x": [1, 6, 2]}, {"y": [1, 3, 4]}, [const("to", [1, -1, 4])])
    assert "shape (1, 9, 4), not (3, 3, 4)" in verdict(path, "dims")
    assert methods(path) == ["rewrite", "scan", "unroll"]


def test_dims_does_not_apply_to_a_dynamic_batch(save: Save) -> None:
    assert "dynamic (N)" in verdict(relu(save, "N"), "dims")


def test_stale_shapes_inside_are_corrected(save: Save) -> None:
    nodes = [node("Relu", ["x"], ["h"]), node("Relu", ["h"], ["y"])]
    path = save(nodes, {"x": [1, 4]}, {"y": [1, 4]}, value_info=[value("h", [1, 4])])
    rebatch(path, path + ".new", 5, "dims")
    assert [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in declared_values(path + ".new")] == [[5, 4]] * 3


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"x": [1, 4], "z": [2, 4]}, "'x' has 1, 'z' has 2"),
        ({"x": ["N", 4], "z": ["M", 4]}, "'x' has N, 'z' has M"),
        ({"x": [1, 4], "z": []}, "input 'z' has rank 0"),
        ({"x": [1, 4], "z": value("z", None)}, "input 'z' declares no shape"),
        ({"x": [0, 4]}, "batch 0"),
        ({}, "takes no inputs"),
        ({"x": helper.make_tensor_sequence_value_info("x", FLOAT, [1])}, "input 'x' is not a dense tensor"),
    ],
)
def test_inputs_without_a_common_batch(save: Save, inputs: Any, said: str) -> None:
    first = next(iter(inputs), "c")
    path = save([node("Identity", [first], ["y"])], inputs, {"y": None}, [] if inputs else [weights("c", 1, 4)])
    for attempt in (lambda: rebatch(path, path + ".new", 3), lambda: methods(path), lambda: diagnose(path)):
        with pytest.raises(ModelError, match=said) as caught:
            attempt()
        assert caught.value.code == "V_BATCH"
    assert not Path(path + ".new").exists()


@pytest.mark.parametrize(("batch", "method"), [(0, "auto"), (-1, "dims"), (3, "magic")])
def test_requests_that_make_no_sense(save: Save, batch: int, method: str) -> None:
    with pytest.raises(ModelError) as caught:
        rebatch(relu(save), "unused", batch, method)
    assert caught.value.code == "V_BATCH"


def test_several_inputs_share_the_batch(save: Save) -> None:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Concat", ["h", "z"], ["y"], axis=1)]
    path = save(nodes, {"x": [1, 4], "z": [1, 2]}, {"y": [1, 5]}, [weights("w", 4, 3)])
    assert verdicts(path) == only("dims", "rewrite", "scan", "unroll")


def test_joins() -> None:
    parts = [np.full((2, 3), i, np.float32) for i in range(4)]
    shapes = [np.shape(joined(parts, how)) for how in (concat(0), concat(1), stack())]
    assert shapes == [(8, 3), (2, 12), (4, 2, 3)]
    assert joined(parts, same()) is None
    assert joined([parts[0], parts[0]], same()) is parts[0]
    assert joined([parts[0], parts[0][:1]], concat(0)) is None
    assert joined(parts[:1], stack()) is parts[0]
