"""What a model can be compared with, told from how it is written; and what a function's name is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.specs import ModelSpec, SourceSpec
from pytest_onnxaccel.runner.plan import Plan
from pytest_onnxaccel.runner.references import function_source, is_source, reference, referring

SPEC = ModelSpec("m", "/m.onnx", "m.onnx", source=SourceSpec("/net.pth", "net.pth"))


@pytest.mark.parametrize("text", ["ort-cpu", "golden", "refs:predict", "pkg.refs:Model.predict"])
def test_names_stay_as_they_are(text: str, tmp_path: Path) -> None:
    assert reference(text, tmp_path) == text
    assert not is_source(text)


@pytest.mark.parametrize("text", ["net.pth", "dir/net", "refs:net.onnx"])
def test_files_become_absolute(text: str, tmp_path: Path) -> None:
    assert reference(text, tmp_path) == str(tmp_path / text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("net.pth:build", "'net.pth:build' is a file and something after it - name net.pth alone"),
        ("pkg/refs.py:predict", "did you mean 'pkg.refs:predict'?"),
        ("./pkg/refs.py::predict", "did you mean 'pkg.refs:predict'?"),
        ("refs:", "'refs:' names no function"),
        ("my-refs:predict", "'my-refs:predict' names no function"),
        ("ortcpu", "no backend is named 'ortcpu' - did you mean 'ort-cpu'?"),
    ],
)
def test_what_is_none_of_them_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(b"")
    with pytest.raises(ConfigError) as caught:
        reference(text, tmp_path)
    assert says in str(caught.value)


def test_a_function_leaves_the_source_that_batches_are_exported_from() -> None:
    found = referring(SPEC, "refs:predict")
    assert (found.reference, found.source) == ("refs:predict", SPEC.source)
    assert referring(SPEC, "ort-cpu").source is None
    golden = referring(SPEC, "golden")
    assert (golden.reference, golden.source) == ("golden", SPEC.source)
    with pytest.raises(ConfigError, match="a loader does not apply to a function"):
        referring(SPEC, "refs:predict", "nets:Net")
    with pytest.raises(ConfigError, match=r"loader= is given without reference="):
        referring(SPEC, None, "nets:Net", origin="reference=")


def test_a_plan_compares_with_the_function_and_not_with_the_source() -> None:
    plan = Plan(replace(SPEC, reference="refs:predict"), ("ort-cpu", "reference"), ("ort-cpu",), "refs:predict")
    assert plan.source is not None
    assert (plan.source.path, plan.source.function) == ("refs:predict", True)
    assert plan.pairs() == [("ort-cpu", "refs:predict")]
    own = Plan(SPEC, ("ort-cpu",), ("ort-cpu",), "/net.pth")
    assert own.source == SPEC.source
    other = Plan(replace(SPEC, reference="reference"), ("ort-cpu", "reference"), ("ort-cpu",), "reference")
    assert other.source is None
    assert function_source("refs:predict").function
