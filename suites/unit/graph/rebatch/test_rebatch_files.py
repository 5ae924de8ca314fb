"""Re-freezing models with external data, large ones, and what it does to files."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx
import pytest
from onnx import helper

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph import rebatch_files
from pytest_onnxaccel.graph.rebatch.rebatch import diagnose, rebatch
from suites.rebatch.proof import Original, prove
from suites.unit.graph.rebatch.rebatching import Save, const, node, saver, value, verdict, weights


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a model of one input ``x`` (unless told otherwise) and gives its path."""
    return saver(tmp_path)


def large_model(folder: Path, threshold: int = 1024) -> Path:
    """A model with tensors from *threshold* bytes on in a file of their own."""
    graph = helper.make_graph(
        [node("MatMul", ["x", "w"], ["h"]), node("Reshape", ["h", "to"], ["y"])],
        "g",
        [value("x", [1, 40])],
        [value("y", [1, 5, 8])],
        [weights("w", 40, 40), const("to", [1, 5, 8])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder.mkdir()
    path = folder / "m.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=threshold)
    return path


@pytest.mark.parametrize("limit", [1 << 30, 100])
@pytest.mark.parametrize("method", ["rewrite", "scan", "unroll"])
def test_external_data_comes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, method: str) -> None:
    monkeypatch.setattr(rebatch_files, "ONE_FILE_LIMIT", limit)
    path, target = large_model(tmp_path / "source"), tmp_path / "new" / "m3.onnx"
    target.parent.mkdir()
    original = Original(path, 3)
    done = rebatch(str(path), str(target), 3, method)
    shutil.rmtree(path.parent)
    assert [p.name for p in sorted(target.parent.iterdir())] == ["m3.onnx"] + ["m3.onnx.data"] * (limit == 100)
    assert prove(original, target, 3, done["outputs"]) == ""  # type: ignore[arg-type]


def test_small_tensors_in_external_files_are_looked_at_too(tmp_path: Path) -> None:
    path, target = large_model(tmp_path / "source", 0), tmp_path / "m3.onnx"
    assert [h["op"] for h in diagnose(str(path))] == ["Reshape"]
    done = rebatch(str(path), str(target), 3)
    assert done["method"] == "rewrite"
    assert prove(Original(large_model(tmp_path / "other"), 3), target, 3, done["outputs"]) == ""  # type: ignore[arg-type]


def test_large_inline_tensors_move_out_of_a_file_past_the_limit(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebatch_files, "ONE_FILE_LIMIT", 100)
    path = save([node("MatMul", ["x", "w"], ["y"])], {"x": [1, 40]}, {"y": [1, 40]}, [weights("w", 40, 40)])
    assert verdict(path, "unroll") == "proven"
    assert Path(path + ".unroll3.data").stat().st_size == 6400


@pytest.mark.parametrize("place", ["../weights.bin", "/etc/hostname", "missing.bin"])
def test_external_data_outside_the_folder_is_refused(tmp_path: Path, place: str) -> None:
    path = large_model(tmp_path / "source")
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = place
    shutil.copy(path.parent / "weights.bin", tmp_path)
    bad = path.with_name("bad.onnx")
    bad.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError) as caught:
        rebatch(str(bad), str(tmp_path / "new.onnx"), 3)
    assert caught.value.code == "E_EXTERNAL"


def test_the_source_stays_as_it_is(save: Save) -> None:
    path = save([node("Reshape", ["x", "to"], ["y"])], {"x": [1, 8]}, {"y": [1, 2, 4]}, [const("to", [1, 2, 4])])
    before = Path(path).read_bytes()
    for method in ("rewrite", "dims", "scan", "unroll", "rewrite"):
        rebatch(path, f"{path}.{method}", 3, method)
    assert Path(path).read_bytes() == before
    assert verdict(path, "rewrite") == "proven"
