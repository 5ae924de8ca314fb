"""Inputs of a conversion as people write them."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.runner.conversion.input_syntax import input_specs


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("X:0,X1:0", [("X:0", "", None), ("X1:0", "", None)]),
        ("intent/inputs:0, intent/seq_len:0", [("intent/inputs:0", "", None), ("intent/seq_len:0", "", None)]),
        ("X:0[1,28,28],n", [("X:0", "", (1, 28, 28)), ("n", "", None)]),
        ("X:0[-1,3]", [("X:0", "", (None, 3))]),
        ("X:0[]", [("X:0", "", ())]),
        ("x", [("x", "", None)]),
        ("X:0:float32:?x3", [("X:0", "float32", (None, 3))]),
        ("mask:int64:batch,past+sequence", [("mask", "int64", ("batch", "past+sequence"))]),
        ("x:float32:scalar", [("x", "float32", ())]),
    ],
)
def test_what_is_taken(text: str, specs: list[tuple]) -> None:
    assert input_specs([text]) == tuple(TensorSpec(*spec) for spec in specs)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["input:float32"], "'input:float32' is not an input - write NAME:DTYPE:SHAPE"),
        (["X:0,"], "'X:0,' is not an input"),
        (["X:0;X1:0 and"], "is not an input"),
        ([""], "'' is not an input"),
        (["X:0[1,0]"], "'X:0[1,0]' has a size that is not one - write -1"),
        (["X:0[1", "2]"], "is not an input"),
        (["X:0,X:0"], "input 'X:0' is given twice"),
        (["x:float32:1x3", "x"], "input 'x' is given twice"),
        (["x:float32:0x3"], "'0' is not a size"),
    ],
)
def test_what_is_not(texts: list[str], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        input_specs(texts)
    assert says in str(caught.value)
