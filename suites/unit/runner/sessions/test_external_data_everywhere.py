"""External data wherever a model may hold a tensor: refused where it leads elsewhere, and its legal twin runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, SparseTensorProto, TensorProto, helper

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.runner.api import validate
from pytest_onnxaccel.runner.request import RunOptions

W = np.arange(4, dtype=np.float32)


def outside(location: str, name: str = "w", data_type: int = TensorProto.FLOAT) -> TensorProto:
    found = TensorProto(name=name, data_type=data_type, dims=[4], data_location=TensorProto.EXTERNAL)
    found.external_data.add(key="location", value=location)
    return found


def info(name: str, kind: int = TensorProto.FLOAT, shape: tuple[int, ...] = (1, 4)) -> object:
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes: list[NodeProto], **parts: object) -> ModelProto:
    functions = parts.pop("functions", [])
    graph = helper.make_graph(nodes, "g", [info("x")], [info("y")], parts.pop("initializer", []), **parts)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, ir_version=8, opset_imports=opsets, functions=functions)


ADD = helper.make_node("Add", ["x", "w"], ["y"])


def initializer(location: str) -> ModelProto:
    return model([ADD], initializer=[outside(location)])


def attribute(location: str) -> ModelProto:
    return model([helper.make_node("Constant", [], ["w"], value=outside(location)), ADD])


def in_a_branch(location: str) -> ModelProto:
    """In the initializer of a branch, and in an attribute of the other one's branch."""
    other = TensorProto(name="z", data_type=TensorProto.FLOAT, dims=[1, 4], raw_data=W.tobytes())

    def branch(name: str, nodes: list[NodeProto], held: list[TensorProto]) -> object:
        return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)], held)

    inner = helper.make_node(
        "If", ["yes"], ["a"],
        then_branch=branch("b", [helper.make_node("Constant", [], ["b"], value=outside(location))], []),
        else_branch=branch("c", [helper.make_node("Identity", ["z"], ["c"])], [other]),
    )  # fmt: skip
    outer = helper.make_node(
        "If", ["yes"], ["w"],
        then_branch=branch("a", [inner], []),
        else_branch=branch("d", [helper.make_node("Identity", ["v"], ["d"])], [outside(location, "v")]),
    )  # fmt: skip
    yes = TensorProto(name="yes", data_type=TensorProto.BOOL, dims=[], raw_data=b"\x01")
    return model([outer, ADD], initializer=[yes])


def in_a_function(location: str) -> ModelProto:
    body = [
        helper.make_node("Constant", [], ["w"], value=outside(location)),
        helper.make_node("Add", ["a", "w"], ["b"]),
    ]
    function = helper.make_function("own", "F", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    return model([helper.make_node("F", ["x"], ["y"], domain="own")], functions=[function])


def sparse(location: str) -> ModelProto:
    values = outside(location)
    values.dims[:] = [4]
    indices = TensorProto(name="i", data_type=TensorProto.INT64, dims=[4], raw_data=np.arange(4).tobytes())
    return model([ADD], sparse_initializer=[SparseTensorProto(values=values, indices=indices, dims=[4])])


def sparse_indices(location: str) -> ModelProto:
    made = sparse("w.bin")
    made.graph.sparse_initializer[0].indices.CopyFrom(outside(location, "i", TensorProto.INT64))
    return made


def second_location(location: str) -> ModelProto:
    """Some loaders take the first of two locations, and others the last."""
    held = outside("w.bin")
    held.external_data.add(key="location", value=location)
    return model([ADD], initializer=[held])


EVERYWHERE = [initializer, attribute, in_a_branch, in_a_function, sparse, sparse_indices, second_location]


def checked(folder: Path, made: ModelProto) -> list[CheckResult]:
    (folder / "m.onnx").write_bytes(made.SerializeToString())
    options = RunOptions(in_process=True)
    return validate(folder / "m.onnx", backends=["ort-cpu"], checks=["structure", "contract"], options=options)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's folder with a link that leads down, and a file to which each location below leads from there."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    found = tmp_path / "models"
    (found / "a" / "b" / "c" / "d").mkdir(parents=True)
    (found / "link").symlink_to("a/b/c/d")
    (found / "outer").symlink_to("a/b")
    (found / "a" / "b" / "inner").symlink_to("c/d")
    for place in (found, found / "a", found / "a" / "b", tmp_path):
        (place / "w.bin").write_bytes(W.tobytes())
    return found


LEAD_ELSEWHERE = [
    "link/../../../w.bin",
    "./outer/inner/../../../w.bin",
    "link/../../w.bin",
    "../w.bin",
    "a/../../w.bin",
    "outer/w.bin",
    "{folder}/w.bin",
    "w.bin/../../w.bin",
    "w.bin\0",
]


@pytest.mark.parametrize("location", LEAD_ELSEWHERE)
@pytest.mark.parametrize("build", EVERYWHERE)
def test_nothing_is_copied_from_elsewhere_or_to_elsewhere(
    folder: Path, build: Callable[[str], ModelProto], location: str
) -> None:
    before = sorted(path for path in folder.parent.rglob("*") if "tmp" not in path.parts[-2:])
    results = checked(folder, build(location.format(folder=folder)))
    assert {(r.verdict, r.code) for r in results if r.check == "structure"} == {(Verdict.FAILED, "E_EXTERNAL")}
    assert all(r.verdict is not Verdict.PASSED for r in results)
    assert all(len(r.message) <= 300 for r in results)
    (folder / "m.onnx").unlink()
    assert sorted(path for path in folder.parent.rglob("*") if "tmp" not in path.parts[-2:]) == before
    assert not os.listdir(folder.parent / "tmp")


@pytest.mark.parametrize("location", ["w.bin", "./w.bin", "a//b/./w.bin"])
@pytest.mark.parametrize("build", [initializer, attribute, in_a_branch, in_a_function])
def test_the_legal_twin_passes(folder: Path, build: Callable[[str], ModelProto], location: str) -> None:
    results = checked(folder, build(location))
    assert [(r.check, r.verdict) for r in results] == [("structure", Verdict.PASSED), ("contract", Verdict.PASSED)], [
        r.message for r in results
    ]


def test_a_model_that_holds_its_own_data_is_valid(folder: Path) -> None:
    """Its location is its own name."""
    held = outside("m.onnx")
    for key, value in (("offset", "0"), ("length", "16")):
        held.external_data.add(key=key, value=value)
    results = checked(folder, model([ADD], initializer=[held]))
    assert {r.verdict for r in results if r.check == "structure"} == {Verdict.PASSED}
