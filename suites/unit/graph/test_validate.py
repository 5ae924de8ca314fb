"""onnx's checker and shape inference on every builder: what they refuse is told in one sentence with a code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest

from fixtures import graphs, hazards
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.validate import structure

VALID = [n for n in graphs.__all__ if n != "external_data"]
#: Valid as far as onnx can tell: what they do to a runtime is another question.
KILLERS = ["div_crash", "mod_crash", "endless_loop", "huge_constant"]
OK = {"ok": True, "error": "", "code": "OK"}


def judged(model: onnx.ModelProto, folder: Path) -> dict[str, Any]:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return structure(str(path))


@pytest.mark.parametrize("name", VALID)
def test_every_builder_is_valid(name: str, tmp_path: Path) -> None:
    assert judged(getattr(graphs, name)(), tmp_path) == {"checker": OK, "shape_inference": OK}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="limits the address space of this process")
@pytest.mark.parametrize("name", KILLERS)
def test_killers_are_valid_and_looking_at_them_costs_nothing(name: str, tmp_path: Path) -> None:
    """Shape inference with data propagation would spell an 8 GB constant out."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), limits[1]))
    try:
        assert judged(getattr(hazards, name)(), tmp_path) == {"checker": OK, "shape_inference": OK}
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.parametrize(
    ("name", "part", "code", "says"),
    [
        ("cyclic", "checker", "E_GRAPH", "topologically sorted, however input 'y' of node: "),
        ("unknown_operator", "checker", "E_SCHEMA", "No Op registered for Frobnicate"),
        ("future_ir", "checker", "E_SCHEMA", "ir_version 999 is higher than the checker's"),
        ("future_opset", "checker", "E_SCHEMA", "opset 999 is newer than onnx"),
        ("wrong_types", "shape_inference", "E_GRAPH", "B has inconsistent type tensor(int64)"),
        ("external_escape", "checker", "E_EXTERNAL", "'../../etc/passwd' points outside the directory"),
        ("external_missing", "checker", "E_EXTERNAL", "absent.bin"),
    ],
)
def test_invalid_models_are_refused_by_the_right_part(
    name: str, part: str, code: str, says: str, tmp_path: Path
) -> None:
    report = judged(getattr(hazards, name)(), tmp_path)
    wrong = {key: found for key, found in report.items() if not found["ok"]}
    assert list(wrong) == [part]
    assert wrong[part]["code"] == code
    assert says in wrong[part]["error"]
    assert str(tmp_path) not in wrong[part]["error"]


def test_the_sentence_is_whole() -> None:
    from pytest_onnxaccel.graph.validate import _short

    text = "input 'y' of node:\nname:  OpType: Add\n is not output of any previous nodes.\n\n==> Context: node"
    assert _short(text) == (
        "input 'y' of node: name:  OpType: Add is not output of any previous nodes. ==> Context: node"
    )
    assert _short("") == "unknown"


def test_names_of_any_length_do_not_make_long_sentences(tmp_path: Path) -> None:
    model = hazards.unknown_operator()
    model.graph.node[0].op_type = "::set-output\n" + "x" * 100_000
    error = judged(model, tmp_path)["checker"]["error"]
    assert len(error) <= 400
    assert error.isprintable()


def test_external_data_is_checked_where_it_lies(tmp_path: Path) -> None:
    path = graphs.external_data(tmp_path)
    assert structure(str(path)) == {"checker": OK, "shape_inference": OK}
    (tmp_path / "weights.bin").unlink()
    report = structure(str(path))
    assert report["checker"]["code"] == "E_EXTERNAL"
    assert "weights.bin" in report["checker"]["error"]


def test_a_type_that_is_declared_and_does_not_come_out(tmp_path: Path) -> None:
    model = graphs.mlp()
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    report = judged(model, tmp_path)
    assert not report["shape_inference"]["ok"]
    assert report["shape_inference"]["code"] == "E_GRAPH"


def test_a_file_that_is_no_model_is_an_error_not_a_finding(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        structure(str(hazards.garbage(tmp_path / "bad.onnx")))


@pytest.mark.parametrize("name", ["opset", "No Op registered", "external data", "ir_version"])
def test_names_in_the_model_do_not_choose_the_code(name: str, tmp_path: Path) -> None:
    model = graphs.mlp()
    model.graph.node[0].name = model.graph.node[0].input[0] = name
    report = judged(model, tmp_path)
    assert report["checker"]["code"] == "E_GRAPH", report
