"""A conversion of borders and sizes against its source, with one attribute of a node changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.api import validate
from pytest_onnxaccel.runner.references import referring
from pytest_onnxaccel.runner.request import RunOptions

OPTIONS = RunOptions(in_process=True)
#: The attribute that a change is about, and the change, which gives the name of the node.
Fault = tuple[str, Callable[[onnx.ModelProto], str]]


def judged(source: Path, model: onnx.ModelProto, folder: Path) -> CheckResult:
    path = folder / "export.onnx"
    onnx.save(model, path)
    spec = referring(ModelSpec("m", str(path), path.name, backends=("ort-cpu",)), str(source), None, ())
    (found,) = [r for r in validate(spec, checks=["parity"], options=OPTIONS) if r.check == "parity"]
    return found


def with_attribute(operator: str, name: str, value: Any, nth: int = 0) -> Callable[[onnx.ModelProto], str]:
    def change(model: onnx.ModelProto) -> str:
        node = [one for one in model.graph.node if one.op_type == operator][nth]
        kept = [item for item in node.attribute if item.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, value)])
        return str(node.name)

    return change


def assert_named(fault: Fault, source: Path, conversion: onnx.ModelProto, folder: Path) -> None:
    """Assert that *fault*, in a copy of *conversion*, fails parity, and that node and attribute are named."""
    model = onnx.ModelProto.FromString(conversion.SerializeToString())
    attribute, change = fault
    node = change(model)
    found = judged(source, model, folder)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY"), str(found)
    assert f"{node!r}" in found.message, (str(found), found.details)
    assert any(line.startswith("there: ") and f"{attribute}=" in line for line in found.details), found.details
