"""Findings exactly where they were planted, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.helper import make_node

from fixtures import graphs, hazards
from fixtures.graphs.assembly import assemble, initializer, value
from pytest_onnxaccel.graph.lint import hygiene

PLANTED = {
    "float64_model": {"float64": 4},
    "initializers_as_inputs": {"initializer-as-input": 4},
    "unused_initializer": {"unused-initializer": 1},
    "training_dropout": {"training-mode": 1},
    "training_mode_batchnorm": {"training-mode": 1},
}
MODELS = [n for n in graphs.__all__ if n != "external_data"]
HAZARDS = ["cyclic", "div_crash", "endless_loop", "huge_constant", "unknown_operator", "wrong_types"]


@pytest.fixture
def found(tmp_path: Path) -> Any:
    def look(model: onnx.ModelProto) -> dict[str, list[tuple[int, str]]]:
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        kinds: dict[str, list[tuple[int, str]]] = {}
        for item in hygiene(str(path)):
            kinds.setdefault(item["kind"], []).append((item["count"], item["message"]))
        return kinds

    return look


@pytest.mark.parametrize("name", [*MODELS, *HAZARDS])
def test_every_builder_has_what_was_planted_and_nothing_else(name: str, found: Any) -> None:
    kinds = found(getattr(graphs if name in MODELS else hazards, name)())
    assert {kind: sum(n for n, _ in items) for kind, items in kinds.items()} == PLANTED.get(name, {})


def test_messages_name_what_they_are_about_and_what_to_do(found: Any) -> None:
    assert found(graphs.unused_initializer())["unused-initializer"] == [
        (1, "1 initializers are used by no node: remove them (dead_weight)")
    ]
    ((_, message),) = found(graphs.initializers_as_inputs())["initializer-as-input"]
    assert message.endswith("export with keep_initializers_as_inputs=False (w1, b1, w2 and 1 more)")
    ((_, message),) = found(graphs.training_dropout())["training-mode"]
    assert message == "1 Dropout nodes drop values at random: call eval() before the export (dropout)"


def test_names_are_cut_and_made_harmless(found: Any) -> None:
    model = graphs.unused_initializer()
    model.graph.initializer[-1].name = "\x1b[31m{evil}\n" + "x" * 100_000
    ((_, message),) = found(model)["unused-initializer"]
    assert len(message) < 200
    assert message.isprintable()
    assert "{evil}" in message


# -- dead nodes and initializers --------------------------------------------------------------------------------


def test_a_node_that_feeds_nothing(found: Any) -> None:
    model = graphs.mlp()
    model.graph.node.append(make_node("Relu", ["x"], ["nowhere"], "lost"))
    assert found(model) == {"dead-node": [(1, "1 nodes feed nothing: remove them (lost)")]}


def test_one_used_output_keeps_a_node_alive(found: Any) -> None:
    nodes = [make_node("Split", ["x"], ["y", "unused"], "split", axis=1)]
    assert found(assemble("s", nodes, [value("x", 1, 4)], [value("y", 1, 2)])) == {}


def test_what_only_a_subgraph_reads_is_used(found: Any) -> None:
    body = helper.make_graph([make_node("Add", ["x", "w"], ["o"])], "body", [], [value("o", 1)])
    flag = value("c", dtype=TensorProto.BOOL)
    branch = make_node("If", ["c"], ["y"], "if", then_branch=body, else_branch=body)
    weights = {"w": np.ones(1, np.float32)}
    assert found(assemble("m", [branch], [value("x", 1), flag], [value("y", 1)], weights)) == {}


def test_an_initializer_that_is_an_output_is_used(found: Any) -> None:
    model = assemble("m", [make_node("Relu", ["x"], ["y"])], [value("x", 1)], [value("y", 1), value("w", 1)])
    model.graph.initializer.append(initializer("w", np.ones(1, np.float32)))
    assert found(model) == {}


# -- float64 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["cast", "constant", "initializer", "subgraph", "input"])
def test_doubles_are_found_wherever_they_hide(where: str, found: Any) -> None:
    double = initializer("d", np.ones(1, np.float64))
    nodes = [make_node("Identity", ["x"], ["y"])]
    inputs, extra = [value("x", 1)], []
    if where == "cast":
        nodes = [make_node("Cast", ["x"], ["c"], "up", to=TensorProto.DOUBLE), make_node("Cast", ["c"], ["y"], to=1)]
    elif where == "constant":
        nodes = [make_node("Constant", [], ["d"], "k", value=double), make_node("Cast", ["d"], ["y"], to=1)]
    elif where == "initializer":
        nodes, extra = [make_node("Cast", ["d"], ["y"], to=1)], [double]
    elif where == "subgraph":
        body = helper.make_graph([make_node("Cast", ["d"], ["o"], to=1)], "b", [], [value("o", 1)], [double])
        nodes = [make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)]
        inputs = [value("c", dtype=TensorProto.BOOL)]
    else:
        inputs, nodes = [value("x", 1, dtype=TensorProto.DOUBLE)], [make_node("Cast", ["x"], ["y"], to=1)]
    model = assemble("m", nodes, inputs, [value("y", 1)])
    model.graph.initializer.extend(extra)
    assert list(found(model)) == ["float64"]
    assert found(model)["float64"][0][0] == 1


# -- training mode ----------------------------------------------------------------------------------------------


def batchnorm(opset: int, outputs: int = 1, **attributes: int) -> onnx.ModelProto:
    names = ["y", "m", "v", "sm", "sv"][:outputs]
    node = make_node("BatchNormalization", ["x", "s", "b", "mean", "var"], names, "bn", **attributes)
    ones = np.ones(3, np.float32)
    weights = dict.fromkeys(["s", "b", "mean", "var"], ones)
    model = assemble("bn", [node], [value("x", 1, 3, 4)], [value("y", 1, 3, 4)], weights)
    model.opset_import[0].version = opset
    return model


@pytest.mark.parametrize(
    ("opset", "outputs", "attributes", "trains"),
    [
        (17, 1, {}, False), (17, 1, {"training_mode": 0}, False), (17, 3, {"training_mode": 1}, True),
        (13, 1, {}, False), (9, 5, {}, True), (6, 1, {"is_test": 1}, False), (6, 1, {}, True),
    ],
)  # fmt: skip
def test_batchnorm_in_every_opset(opset: int, outputs: int, attributes: Any, trains: bool, found: Any) -> None:
    assert ("training-mode" in found(batchnorm(opset, outputs, **attributes))) is trains


def dropout(opset: int, inputs: tuple[str, ...] = ("x",), **attributes: int) -> onnx.ModelProto:
    node = make_node("Dropout", inputs, ["y"], "drop", **attributes)
    weights = {"r": np.float32(0.5), "on": np.bool_(True), "off": np.bool_(False)}
    model = assemble("d", [node], [value("x", 1, 4)], [value("y", 1, 4)])
    model.graph.initializer.extend(initializer(k, v) for k, v in weights.items() if k in inputs)
    if "asked" in inputs:
        model.graph.input.append(value("asked", dtype=TensorProto.BOOL))
    model.opset_import[0].version = opset
    return model


@pytest.mark.parametrize(
    ("model", "trains"),
    [
        (dropout(17), False), (dropout(17, ("x", "r")), False), (dropout(17, ("x", "r", "off")), False),
        (dropout(17, ("x", "", "")), False), (dropout(17, ("x", "r", "on")), True),
        (dropout(17, ("x", "r", "asked")), True), (dropout(10), False), (dropout(6, is_test=1), False),
        (dropout(6), True),
    ],
)  # fmt: skip
def test_dropout_in_every_opset(model: onnx.ModelProto, trains: bool, found: Any) -> None:
    assert ("training-mode" in found(model)) is trains


def test_the_mode_may_be_a_constant_node_or_lie_in_a_subgraph(found: Any) -> None:
    off = make_node("Constant", [], ["off"], value=initializer("v", np.bool_(False)))
    drop = make_node("Dropout", ["x", "", "off"], ["y"], "drop")
    assert found(assemble("m", [off, drop], [value("x", 1)], [value("y", 1)])) == {}
    inner = helper.make_graph(
        [make_node("Dropout", ["x", "", "off"], ["o"], "drop")], "b", [], [value("o", 1)],
        [initializer("off", np.bool_(False))],
    )  # fmt: skip
    branch = make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    inputs = [value("x", 1), value("c", dtype=TensorProto.BOOL)]
    assert found(assemble("m", [branch], inputs, [value("y", 1)])) == {}


def test_a_mode_that_lies_in_another_file_is_not_fetched(tmp_path: Path) -> None:
    model = graphs.training_dropout()
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "w.bin").unlink()
    assert hygiene(str(tmp_path / "m.onnx")) == []
