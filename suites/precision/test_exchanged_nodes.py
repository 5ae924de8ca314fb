"""Nodes of a conversion that are other ones: what they change is told in float32, however few digits are left."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import ModelProto, helper

from pytest_onnxaccel.core.comparisons import Comparison
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.graph.precision.exchanged import exchanged
from suites.precision.conversions import parity, to_float16, told
from suites.precision.nets import NETS

DEEP = NETS["deep"](2)


def with_node(model: ModelProto, name: str, operator: str, **attributes: Any) -> ModelProto:
    """A copy of *model* whose node *name* is another operator, or has other attributes."""
    made = copy.deepcopy(model)
    node = next(one for one in made.graph.node if one.name == name)
    node.op_type = operator
    del node.attribute[:]
    node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
    return made


def written(candidate: ModelProto, reference: ModelProto, folder: Path) -> list[dict[str, str]]:
    onnx.save(candidate, folder / "a.onnx")
    onnx.save(reference, folder / "b.onnx")
    paths = str(folder / "a.onnx"), str(folder / "b.onnx"), str(folder / "c.onnx")
    found: list[dict[str, str]] = exchanged(*paths, "float16")["nodes"]
    assert Path(paths[2]).exists() == bool(found)
    return found


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "changed"])
@pytest.mark.parametrize("layer", [0, 4, 6])
def test_a_slope_that_few_digits_hide_is_found(layer: int, keep: bool, tmp_path: Path) -> None:
    name = f"relu_{layer}"
    result = parity(to_float16(with_node(DEEP, name, "LeakyRelu", alpha=0.01), keep), DEEP, tmp_path)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY"), told(result)
    assert f"origin: LeakyRelu '{name}'" in result.message
    assert "in float32, that changes output 'y' by 0.00" in result.message


def test_another_operator_that_does_the_same_passes(tmp_path: Path) -> None:
    """What was put in is run: it is no matter of names."""
    for number in (0, 6):
        same = to_float16(with_node(DEEP, f"relu_{number}", "LeakyRelu", alpha=0.0), True)
        result = parity(same, DEEP, tmp_path)
        assert result.verdict is Verdict.PASSED, told(result)


def test_a_slope_that_is_rounded_passes_and_another_one_fails(tmp_path: Path) -> None:
    original = with_node(DEEP, "relu_3", "LeakyRelu", alpha=0.01)
    for alpha, verdict in ((0.010002, Verdict.PASSED), (0.013, Verdict.FAILED)):
        result = parity(to_float16(with_node(DEEP, "relu_3", "LeakyRelu", alpha=alpha), True), original, tmp_path)
        assert result.verdict is verdict, told(result)
    assert "LeakyRelu 'relu_3': another alpha than in the original; put into original.onnx" in result.message


def test_what_the_user_says_decides(tmp_path: Path) -> None:
    made = to_float16(with_node(DEEP, "relu_0", "LeakyRelu", alpha=0.01), True)
    assert parity(made, DEEP, tmp_path, tolerance=Tolerance(0.0, 0.05)).verdict is Verdict.PASSED
    given = {"y": Comparison("cosine", 0.999)}
    assert parity(made, DEEP, tmp_path, comparisons=given).verdict is Verdict.PASSED


def test_what_is_written_is_the_original_but_for_the_node(tmp_path: Path) -> None:
    found = written(to_float16(with_node(DEEP, "relu_1", "LeakyRelu", alpha=0.01), False), DEEP, tmp_path)
    assert found == [{"node": "LeakyRelu 'relu_1'", "text": "LeakyRelu instead of Relu"}]
    made = onnx.load(tmp_path / "c.onnx")
    assert [n.op_type for n in made.graph.node if n.name == "relu_1"] == ["LeakyRelu"]
    assert made.graph.initializer == DEEP.graph.initializer


def test_what_cannot_be_put_in_is_not(tmp_path: Path) -> None:
    assert written(to_float16(DEEP, True), DEEP, tmp_path) == []
    clipped = with_node(DEEP, "relu_1", "Clip")
    next(n for n in clipped.graph.node if n.name == "relu_1").input.append("w0")
    assert written(clipped, DEEP, tmp_path) == []
    newer = with_node(DEEP, "relu_1", "LeakyRelu", alpha=0.01)
    newer.opset_import[0].version += 1
    assert written(newer, DEEP, tmp_path) == []


@pytest.mark.parametrize(("epsilon", "count"), [(1e-12, 0), (1e-3, 1)], ids=["raised", "changed"])
def test_an_epsilon_that_the_type_cannot_hold_may_be_raised(epsilon: float, count: int, tmp_path: Path) -> None:
    original = with_node(DEEP, "relu_1", "LpNormalization", epsilon=epsilon)
    made = with_node(DEEP, "relu_1", "LpNormalization", epsilon=1e-5)
    assert len(written(made, original, tmp_path)) == count
