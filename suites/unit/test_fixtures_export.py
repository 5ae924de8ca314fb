"""The shipped detector files: clean, runnable without torch, and what the exporter makes today."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

import fixtures
from fixtures.model_diff import differences
from fixtures.running import run, run_seeded

MODELS = Path(fixtures.__file__).parent / "models"
NAMES = ["rfb-320.onnx", "slim-320.onnx"]
each_file = pytest.mark.parametrize("name", NAMES)


@each_file
def test_contract_of_a_shipped_file(name: str) -> None:
    model = onnx.load(MODELS / name)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version <= 10
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    assert [entry.name for entry in model.graph.input] == ["input"]
    shapes = {name: (array.shape, array.dtype) for name, array in run_seeded(model).items()}
    assert shapes == {"scores": ((1, 4420, 2), np.float32), "boxes": ((1, 4420, 4), np.float32)}


@each_file
def test_a_shipped_file_tells_nothing_of_the_machine_that_made_it(name: str) -> None:
    content = (MODELS / name).read_bytes()
    assert 900_000 < len(content) < 1_500_000
    assert not re.search(rb"site-packages|\.py\b|stack_trace|/home|/root|/usr|[A-Z]:\\\\", content)
    model = onnx.load_model_from_string(content)
    assert not model.metadata_props
    assert not model.doc_string
    assert {tensor.data_location for tensor in model.graph.initializer} == {onnx.TensorProto.DEFAULT}
    keys = {entry.key for node in model.graph.node for entry in node.metadata_props}
    assert keys == {"pkg.torch.onnx.name_scopes"}


@each_file
def test_a_shipped_file_names_its_modules_and_weights(name: str) -> None:
    model = onnx.load(MODELS / name)
    assert "classification_headers.3.bias" in {tensor.name for tensor in model.graph.initializer}
    scopes = [entry.value for node in model.graph.node for entry in node.metadata_props]
    assert any("'base_net.12.4'" in scope for scope in scopes)


def test_differences_names_the_weight_and_the_outputs() -> None:
    shipped = onnx.load(MODELS / NAMES[1])
    other = onnx.ModelProto()
    other.CopyFrom(shipped)
    tensor = next(t for t in other.graph.initializer if t.name == "classification_headers.3.bias")
    tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) + 0.01, tensor.name))
    assert differences(shipped, shipped) == []
    found = differences(shipped, other)
    assert found[0] == "1 initializers differ, first classification_headers.3.bias"


def test_the_exporter_still_makes_the_shipped_files(capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    export = pytest.importorskip("fixtures.export")
    made_by = onnx.load(MODELS / NAMES[0]).producer_version
    if torch.__version__.partition("+")[0] != made_by:
        pytest.skip(f"the shipped files are torch {made_by}'s, this is {torch.__version__}")
    assert export.main(["--check"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name}: as rebuilt" for name in NAMES]


def test_check_reports_missing_and_different_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    export = pytest.importorskip("fixtures.export")
    # The other detector under this one's name.
    (tmp_path / NAMES[0]).write_bytes((MODELS / NAMES[1]).read_bytes())
    assert export.check(tmp_path) is False
    first, second = capsys.readouterr().out.splitlines()
    assert "operators differ" in first
    assert second == f"{NAMES[1]}: missing"


@pytest.mark.parametrize("batch", [3, "N"])
def test_export_at_other_batches(batch: int | str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    export = pytest.importorskip("fixtures.export")
    model = onnx.load(export.export_detector(export.build_slim(), tmp_path / "slim.onnx", batch=batch))
    for value in (*model.graph.input, *model.graph.output):
        dim = value.type.tensor_type.shape.dim[0]
        assert (dim.dim_param or dim.dim_value) == batch
    assert list(tmp_path.iterdir()) == [tmp_path / "slim.onnx"]
    feed = np.random.default_rng(0).uniform(-1, 1, (3, 3, 240, 320)).astype(np.float32)
    shipped = onnx.load(MODELS / "slim-320.onnx")
    for name, array in run(model, {"input": feed}).items():
        alone = run(shipped, {"input": feed[1:2]})[name]
        np.testing.assert_allclose(array[1], alone[0], rtol=0, atol=1e-5)
