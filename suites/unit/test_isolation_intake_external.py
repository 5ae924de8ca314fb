"""External data of a model: what is taken in beside it, and what is refused because it lies elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fixtures import graphs, hazards
from pytest_onnxaccel.errors import ModelError
from pytest_onnxaccel.isolation.intake import Staged, stage, stage_external

MODEL = graphs.small_cnn().SerializeToString()


@pytest.fixture
def staged(tmp_path: Path) -> Staged:
    """A model in `tmp_path/repo`, staged; beside the repo lies a secret."""
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "model.onnx").write_bytes(MODEL)
    (tmp_path / "secret.bin").write_bytes(b"secret")
    return stage(str(repo / "model.onnx"), "m.onnx", str(tmp_path / "staging"))


def external_refusal(staged: Staged, location: str) -> str:
    with pytest.raises(ModelError) as caught:
        stage_external(staged, (location,), "m.onnx")
    assert caught.value.code == "E_EXTERNAL"
    line = str(caught.value)
    assert line.startswith("onnxaccel[E_EXTERNAL] m.onnx: external data ")
    assert len(line) <= 300
    assert line.isprintable()
    assert set(os.listdir(staged.folder)) == {"model.onnx"}
    return line


def test_data_beside_the_model_comes_along(staged: Staged) -> None:
    repo = Path(staged.source_folder)
    (repo / "w.bin").write_bytes(b"weights")
    (repo / "deep" / "er").mkdir(parents=True)
    (repo / "deep" / "er" / "w.bin").write_bytes(b"more")
    stage_external(staged, ("w.bin", "deep/er/w.bin", "./deep/../w.bin"), "m.onnx")
    assert Path(staged.folder, "w.bin").read_bytes() == b"weights"
    assert Path(staged.folder, "deep", "er", "w.bin").read_bytes() == b"more"


@pytest.mark.parametrize(
    "location",
    [
        "../secret.bin",
        "a/../../secret.bin",
        "{tmp}/secret.bin",
        "/etc/passwd",
        "/dev/zero",
        ".",
        "..",
        "",
        "w\0.bin",
        "~/x/../../..",
    ],
)
def test_data_outside_the_models_folder(location: str, staged: Staged, tmp_path: Path) -> None:
    line = external_refusal(staged, location.format(tmp=tmp_path))
    assert "lies outside the model's folder" in line or "No such file" in line


def test_even_an_absolute_path_to_the_right_file(staged: Staged) -> None:
    Path(staged.source_folder, "w.bin").write_bytes(b"weights")
    assert "outside" in external_refusal(staged, os.path.join(staged.source_folder, "w.bin"))


def test_a_link_that_leads_out(staged: Staged, tmp_path: Path) -> None:
    Path(staged.source_folder, "w.bin").symlink_to(tmp_path / "secret.bin")
    assert "outside" in external_refusal(staged, "w.bin")
    Path(staged.source_folder, "folder").symlink_to(tmp_path)
    assert "outside" in external_refusal(staged, "folder/secret.bin")


def test_a_link_that_stays_inside(staged: Staged) -> None:
    repo = Path(staged.source_folder)
    (repo / "blob").write_bytes(b"weights")
    (repo / "w.bin").symlink_to("blob")
    stage_external(staged, ("w.bin",), "m.onnx")
    assert Path(staged.folder, "w.bin").read_bytes() == b"weights"
    assert not Path(staged.folder, "w.bin").is_symlink()


def test_a_neighbour_whose_name_begins_like_the_folder(staged: Staged, tmp_path: Path) -> None:
    (tmp_path / "repo-other").mkdir()
    (tmp_path / "repo-other" / "w.bin").write_bytes(b"x")
    assert "outside" in external_refusal(staged, "../repo-other/w.bin")


def test_missing_data_and_data_that_is_no_file(staged: Staged) -> None:
    assert "'absent.bin': No such file or directory - put the data file" in external_refusal(staged, "absent.bin")
    hazards.fifo(Path(staged.source_folder, "pipe"))
    assert "'pipe': not a regular file" in external_refusal(staged, "pipe")
    Path(staged.source_folder, "folder").mkdir()
    assert "'folder': not a regular file" in external_refusal(staged, "folder")


@pytest.mark.parametrize(
    "location", ["x" * 300, "a/" + "y" * 5000, "::set-output\x1b[31m", "##vso[task.complete]", "a\nb"]
)
def test_hostile_locations(location: str, staged: Staged) -> None:
    line = external_refusal(staged, location)
    assert "##vso[" not in line


def test_a_location_inside_another_file(staged: Staged) -> None:
    Path(staged.source_folder, "w.bin").write_bytes(b"weights")
    with pytest.raises(ModelError) as caught:
        stage_external(staged, ("w.bin", "w.bin/inside"), "m.onnx")
    assert caught.value.code == "E_EXTERNAL"


def test_a_model_that_names_itself_is_not_read_again(staged: Staged) -> None:
    Path(staged.source_folder, "model.onnx").write_bytes(b"replaced")
    stage_external(staged, ("model.onnx", "./model.onnx"), "m.onnx")
    assert Path(staged.path).read_bytes() == MODEL


def test_a_model_in_the_root_folder(staged: Staged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every path begins with the root."""
    data = tmp_path / "w.bin"
    data.write_bytes(b"weights")
    at_root = Staged(staged.path, staged.folder, staged.sha256, staged.size, "/")
    stage_external(at_root, (str(data).lstrip("/"),), "m.onnx")
    assert Path(staged.folder, str(data).lstrip("/")).read_bytes() == b"weights"


def test_data_that_is_replaced_after_staging_does_not_matter(staged: Staged) -> None:
    data = Path(staged.source_folder, "w.bin")
    data.write_bytes(b"weights")
    stage_external(staged, ("w.bin",), "m.onnx")
    data.write_bytes(b"other")
    assert Path(staged.folder, "w.bin").read_bytes() == b"weights"
