"""How long inputs must be for the windows that slide over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from pytest_onnxaccel.graph.inputs.facts import facts_of
from pytest_onnxaccel.graph.inputs.sliding import windows
from suites.planted.making import BOOL, FLOAT, INT, model, node, value

SOUND = [value("x", FLOAT, ["batch", 2, "time"])]


def conv(before: str, after: str, kernel: str, **attributes: Any) -> Any:
    return node("Conv", [before, kernel], [after], **attributes)


def found(nodes: list[Any], inputs: list[Any], *out: Any, **constants: Any) -> dict[str, tuple[int, ...]]:
    return windows(model(nodes, inputs, [value("y", FLOAT, list(out))], constants))


def test_strides_multiply_and_the_longest_window_counts() -> None:
    nodes = [conv("x", "a", "k", strides=[5]), node("Relu", ["a"], ["b"]), conv("b", "y", "k", strides=[4])]
    made = found(nodes, SOUND, "batch", 2, None, k=np.zeros((2, 2, 10), np.float32))
    assert made["x"][2] == max(5 * 10, 4 * 5 * 4)


def test_a_dilated_kernel_is_as_long_as_it_reaches() -> None:
    nodes = [conv("x", "y", "k", dilations=[16])]
    assert found(nodes, SOUND, "batch", 2, None, k=np.zeros((2, 2, 3), np.float32))["x"][2] == 33


def test_axes_are_told_apart_until_they_are_moved() -> None:
    image = [value("x", FLOAT, ["batch", 1, "frames", 64])]
    pool = node("MaxPool", ["x"], ["p"], kernel_shape=[1, 4], strides=[1, 4])
    assert found([pool, node("Relu", ["p"], ["y"])], image, "batch", 1, None, 16)["x"] == (1, 1, 1, 16)
    turned = [
        node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]),
        node("MaxPool", ["t"], ["y"], kernel_shape=[1, 4], strides=[1, 4]),
    ]
    assert found(turned, image, "batch", 1, 64, None)["x"] == (1, 1, 16, 1)


def test_where_axes_were_joined_any_free_one_may_be_meant_unless_one_of_the_file_is_long_enough() -> None:
    nodes = [node("Reshape", ["x", "to"], ["r"]), conv("r", "y", "k", strides=[10])]
    constants = {"to": np.array([0, 1, -1]), "k": np.zeros((2, 1, 30), np.float32)}
    free = [value("x", FLOAT, ["batch", "a", "b"])]
    assert found(nodes, free, "batch", 2, None, **constants)["x"] == (40, 40, 40)
    assert found(nodes, [value("x", FLOAT, ["batch", "a", 64])], "batch", 2, None, **constants) == {}


def test_a_kernel_that_is_computed_still_has_a_stride() -> None:
    nodes = [node("Mul", ["k", "k"], ["kernel"]), conv("x", "y", "kernel", strides=[441])]
    assert found(nodes, SOUND, "batch", 2, None, k=np.zeros((2, 2, 9), np.float32))["x"] == (1, 1, 4 * 441)


def test_an_axis_that_is_added_is_no_axis_of_the_input() -> None:
    nodes = [node("Unsqueeze", ["x", "one"], ["u"]), conv("u", "y", "k", strides=[10])]
    constants = {"one": np.array([1]), "k": np.zeros((2, 1, 30), np.float32)}
    assert found(nodes, [value("x", FLOAT, ["batch", "n"])], "batch", 2, None, **constants)["x"] == (1, 40)


def test_what_is_widened_again_needs_less() -> None:
    nodes = [
        conv("x", "a", "k", strides=[8]),
        node("ConvTranspose", ["a", "k"], ["b"], strides=[8]),
        conv("b", "y", "k", strides=[2]),
    ]
    assert found(nodes, SOUND, "batch", 2, None, k=np.zeros((2, 2, 8), np.float32))["x"][2] == 32


def test_a_spectrum_has_a_step_and_a_window() -> None:
    nodes = [node("STFT", ["s", "step", "window"], ["y"])]
    constants = {"step": np.array(160), "window": np.ones(400, np.float32)}
    made = found(nodes, [value("s", FLOAT, ["batch", "n"])], "batch", None, 201, 2, **constants)
    assert made["s"][1] == 640


def test_subgraphs_and_functions_are_looked_into() -> None:
    def branch(kernel: str) -> Any:
        return helper.make_graph([conv("x", f"{kernel}_y", kernel)], kernel, [], [value(f"{kernel}_y", FLOAT, None)])

    chosen = node("If", ["flag"], ["y"], then_branch=branch("short"), else_branch=branch("long"))
    inputs = [*SOUND, value("flag", BOOL, [])]
    constants = {"short": np.zeros((2, 2, 3), np.float32), "long": np.zeros((2, 2, 90), np.float32)}
    assert found([chosen], inputs, "batch", 2, None, **constants)["x"][2] == 90

    made = model(
        [node("Identity", ["x"], ["y"])], SOUND, [value("y", FLOAT, ["batch", 2, "time"])],
        {"k": np.zeros((2, 2, 70), np.float32)},
    )  # fmt: skip
    made.functions.append(
        helper.make_function("own", "Layer", ["a", "w"], ["b"], [conv("a", "b", "w")], [helper.make_opsetid("", 18)])
    )
    made.opset_import.append(helper.make_opsetid("own", 1))
    made.graph.node[0].CopyFrom(helper.make_node("Layer", ["x", "k"], ["y"], domain="own"))
    assert windows(made)["x"][2] == 70


def test_nothing_slides_over_most_models() -> None:
    made = model([node("Relu", ["x"], ["y"])], SOUND, [value("y", FLOAT, ["batch", 2, "time"])])
    assert windows(made) == {}
    held = conv("k", "c", "k")
    both = [held, node("Add", ["x", "c"], ["y"])]
    assert found(both, SOUND, "batch", 2, "time", k=np.zeros((1, 1, 1), np.float32)) == {}


@pytest.mark.parametrize(("lengths", "kind"), [(["batch"], "length"), (["batch", 1], "length"), (["time"], "number")])
def test_places_are_compared_with_a_length(lengths: list[Any], kind: str) -> None:
    """One number for each sample; what has one for each place is no length."""
    nodes = [
        node("Shape", ["x"], ["s"], start=1, end=2), node("Squeeze", ["s"], ["n"]),
        node("Range", ["zero", "n", "one"], ["places"]),
        node("Reshape", ["upto", "column"], ["l"]), node("Mul", ["l", "two"], ["l2"]),
        node("Less", ["places", "l2"], ["there"]), node("Where", ["there", "x", "nothing"], ["y"]),
    ]  # fmt: skip
    constants = {
        "zero": np.array(0), "one": np.array(1), "two": np.array(2), "column": np.array([-1, 1]),
        "nothing": np.float32(0),
    }  # fmt: skip
    fed = [value("x", FLOAT, ["batch", "time"]), value("upto", INT, lengths)]
    facts = facts_of(model(nodes, fed, [value("y", FLOAT, ["batch", "time"])], constants))
    domain = facts.domains.get("upto")
    assert (domain.kind if domain is not None else "number") == kind
    if kind == "length":
        assert domain is not None
        assert (domain.low, domain.high) == (1, "time")


def test_the_report_keeps_them() -> None:
    from pytest_onnxaccel.core.domains import InputFacts

    facts = InputFacts(windows={"x": (1, 640)})
    assert InputFacts.from_json(facts.to_json()).windows == {"x": (1, 640)}
