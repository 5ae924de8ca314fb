"""The functions of the Python API refuse what they do not know, in one line, before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pytest_onnxaccel as api
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.specs import BatchPlan, ModelSpec
from pytest_onnxaccel.runner.request import RunOptions

WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: api.validate("m.onnx", checks=["pariti"]), "there is no check 'pariti' - did you mean 'parity'?"),
    (lambda: api.validate("m.onnx", checks=["xyz"]), "there is no check 'xyz' - known: structure"),
    (
        lambda: api.validate("m.onnx", checks="parity"),
        "checks is the text 'parity' - give a list of names: checks=['parity']",
    ),
    (
        lambda: api.validate("m.onnx", backends="ort-cpu"),
        "backends is the text 'ort-cpu' - give a list of names: backends=['ort-cpu']",
    ),
    (lambda: api.validate("m.onnx", checks=[1]), "checks holds 1 - give a list of names, each a text"),  # type: ignore[list-item]
    (lambda: api.validate("m.onnx", checks=3), "checks is 3 - give a list of names"),  # type: ignore[arg-type]
    (lambda: api.validate("m.onnx", backends=["ort-cpy"]), "no backend is named 'ort-cpy' - did you mean 'ort-cpu'?"),
    (lambda: api.validate(1), "model is 1, not a path"),  # type: ignore[arg-type]
    (lambda: api.validate(b"m.onnx"), "model is b'm.onnx', not a path"),  # type: ignore[arg-type]
    (lambda: api.validate(""), "model is '', not a path"),
    (lambda: api.validate("m.onnx", reference=["torch"]), "reference is ['torch'], not a text"),  # type: ignore[arg-type]
    (lambda: api.validate("m.onnx", loader=len), "loader is <built-in function len>, not a text"),  # type: ignore[arg-type]
    (lambda: api.validate("m.onnx", options={"seed": 1}), "options is a dict, not a RunOptions"),  # type: ignore[arg-type]
    (lambda: api.convert_source("m.pt", "m.onnx", outputs="y"), "outputs is the text 'y'"),
    (lambda: api.convert_source("m.pt", "m.onnx", inputs="x:float32:1"), "inputs is the text 'x:float32:1'"),
    (lambda: api.convert_source("m.pt", "m.onnx", trusted="a.b"), "trusted is the text 'a.b'"),
    (lambda: api.convert_source(2, "m.onnx"), "source is 2, not a path"),  # type: ignore[arg-type]
    (lambda: api.convert_source("m.pt", 2), "target is 2, not a path"),  # type: ignore[arg-type]
    (lambda: api.round_trip("m.pb", through="onnx"), "through is the text 'onnx' - give a list of kinds"),
    (lambda: api.round_trip("m.pb", outputs="y"), "outputs is the text 'y'"),
    (lambda: api.round_trip("m.pb", inputs="x"), "inputs is the text 'x'"),  # type: ignore[arg-type]
    (lambda: api.fold_in("m.onnx", "n.onnx", len, mean="1", scale=[1]), "mean is the text '1'"),  # type: ignore[arg-type]
    (lambda: api.fold_in("m.onnx", "n.onnx", len, [1], [1], images="a.png"), "images is the text 'a.png'"),
]


@pytest.mark.parametrize(("call", "said"), WRONG, ids=[said for _, said in WRONG])
def test_wrong_arguments_are_refused_in_a_line(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        call()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.code == "E_CONFIG"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: api.validate("m.onnx", cheks=["parity"]), "unexpected keyword argument 'cheks'"),  # type: ignore[call-arg]
        (lambda: api.Tolerance(rtoll=1), "unexpected argument 'rtoll'; did you mean 'rtol'?"),  # type: ignore[call-arg]
        (lambda: BatchPlan(sizes="1,2"), "sizes is the text '1,2'"),  # type: ignore[arg-type]
        (lambda: ModelSpec("m", "m", "m", backends="ort-cpu"), "backends is the text 'ort-cpu'"),  # type: ignore[arg-type]
        (lambda: RunOptions(required="ort-cpu"), "required is the text 'ort-cpu'"),  # type: ignore[arg-type]
        (lambda: RunOptions(import_paths="src"), "import_paths is the text 'src'"),  # type: ignore[arg-type]
    ],
)
def test_unknown_names_and_texts_for_lists_are_type_errors(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert said in str(caught.value)


OPTIONS = RunOptions(in_process=True)


def test_right_arguments_of_every_kind(shipped: Path) -> None:
    path = shipped / "slim-320.onnx"
    for model in (path, str(path), ModelSpec("slim", str(path), str(path))):
        for checks in (["structure"], ("structure",), {"structure": 1}):
            (result,) = api.validate(model, iter(["ort-cpu"]), checks, options=OPTIONS)  # type: ignore[arg-type]
            assert (result.check, result.verdict) == ("structure", api.Verdict.PASSED)


def test_backends_that_are_named_count_for_a_spec_too(shipped: Path) -> None:
    path = str(shipped / "slim-320.onnx")
    spec = ModelSpec("slim", path, path, backends=("ort-cpu",))
    for given, ran in (((), ["ort-cpu"]), (("reference",), ["reference"])):
        results = api.validate(spec, given, ["contract"], options=OPTIONS)
        assert [result.backend for result in results] == ran
