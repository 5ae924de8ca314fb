"""A fault that is smaller than rounding where it arises: what differs between the two files tells its node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.graph.probe.node_diff import node_diff, node_diffs
from suites.localise.conftest import Check, names, origin

#: Slopes: the second is four units in the last place more, as exact a number as the first.
SAME, UP = 1.0, 1 + 2.0**-21


def amplified(first: float, second: float) -> ModelProto:
    """``-x`` through two leaky Relus, what they added to it times 4096, and ``-x`` again: ``-x`` for slopes of 1.

    A slope that is four units off is smaller than rounding behind its node. In the difference, which is exact
    (Sterbenz) and zero for slopes of 1, it is all that there is: every processor computes the same here. An attribute,
    because the noise of the weights would hide what is wrong with one.
    """
    nodes = [
        helper.make_node("Neg", ["x"], ["n"], "negative/Neg"),
        helper.make_node("LeakyRelu", ["n"], ["a"], "first/LeakyRelu", alpha=first),
        helper.make_node("LeakyRelu", ["a"], ["b"], "second/LeakyRelu", alpha=second),
        helper.make_node("Sub", ["b", "n"], ["c"], "added/Sub"),
        helper.make_node("Mul", ["c", "gain"], ["d"], "gain/Mul"),
        helper.make_node("Add", ["d", "n"], ["y"], "sum/Add"),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 8]) for name in "xy"]
    gain = numpy_helper.from_array(np.float32([4096]), "gain")
    graph = helper.make_graph(nodes, "amplified", values[:1], values[1:], [gain])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_the_only_node_that_is_another_is_the_origin(check: Check) -> None:
    result = check(amplified(SAME, UP), amplified(SAME, SAME))
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
    told = origin(result)
    assert (told["name"], told["grown_at"]) == ("second/LeakyRelu", "c")
    assert 0 < told["share"] < 16 * 2.0**-23  # what counts as rounding in float32
    assert told["differences"] == [f"alpha={UP} instead of {SAME}"]
    assert not told["confirmed"]
    assert "which rounding could be" in "\n".join(result.details)


def test_of_two_nodes_that_are_others_those_are_named_that_end_the_difference(check: Check) -> None:
    result = check(amplified(UP, UP), amplified(SAME, SAME))
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
    told = origin(result)
    assert (names(told), told["confirmed"]) == (["first/LeakyRelu", "second/LeakyRelu"], True)
    assert "made as in the reference, the difference ends" in "\n".join(result.details)
    assert "LeakyRelu 'first/LeakyRelu' and LeakyRelu 'second/LeakyRelu'" in result.message


def test_of_two_nodes_that_are_others_the_harmless_one_is_not_named(check: Check) -> None:
    """One step of the first is little beside fifteen of the second."""
    result = check(amplified(1 + 2.0**-23, 1 + 15 * 2.0**-23), amplified(SAME, SAME))
    told = origin(result)
    assert (names(told), told["confirmed"]) == (["second/LeakyRelu"], True)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Two files: the same but for a constant and an attribute."""
    paths = []
    for number, (weight, slope) in enumerate(((2.0, 0.1), (3.0, 0.2))):
        nodes = [
            helper.make_node("Mul", ["x", "w"], ["a"]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("LeakyRelu", ["b"], ["y"], alpha=slope),
        ]
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
        weights = [numpy_helper.from_array(np.float32([1, weight]), "w")]
        graph = helper.make_graph(nodes, "g", values[:1], values[1:], weights)
        path = tmp_path / f"{number}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        paths.append(str(path))
    return paths[0], paths[1]


def test_many_pairs_are_contrasted_as_one_is(pair: tuple[str, str]) -> None:
    told = node_diffs(*pair, [["a", "a"], ["b", "b"], ["y", "y"], ["gone", "b"]])["differences"]
    assert list(told) == ["a", "y"]
    for value, differences in told.items():
        assert differences == node_diff(pair[0], value, pair[1], value)["differences"]
    assert "alpha=" in told["y"][0]
