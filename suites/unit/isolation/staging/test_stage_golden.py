"""Which files of golden data are copied, and which are refused because of where they lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.isolation.staging import stage_golden as intake_golden
from pytest_onnxaccel.isolation.staging.stage_golden import stage_golden
from suites.unit.golden_files import FEEDS, RIGHT, write_set


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A model's folder with one set, beside it a secret."""
    (tmp_path / "secret.pb").write_bytes(b"secret")
    repo = tmp_path / "repo"
    write_set(repo / "test_data_set_0", FEEDS, RIGHT)
    (repo / "weights.bin").write_bytes(b"w" * 100)
    (repo / "test_data_set_0" / "notes.txt").write_text("n")
    return repo


def refused(path: Path, folder: Path, found: bool = False) -> ModelError:
    with pytest.raises(ModelError) as caught:
        stage_golden(str(path), str(folder), found)
    assert not any(file.read_bytes() == b"secret" for file in folder.rglob("*") if file.is_file())
    return caught.value


SET = ["input_0.pb", "input_1.pb", "output_0.pb", "output_1.pb"]


@pytest.mark.parametrize("found", [True, False])
def test_the_files_of_sets_and_no_others(repo: Path, tmp_path: Path, found: bool) -> None:
    copied, alone = stage_golden(str(repo), str(tmp_path / "staged"), found)
    assert copied == [f"test_data_set_0/{name}" for name in SET]
    assert alone == ""
    assert (tmp_path / "staged" / copied[0]).read_bytes() == (repo / copied[0]).read_bytes()


def test_a_file_and_its_pair(repo: Path, tmp_path: Path) -> None:
    for name in ("inputs.npz", "outputs.npz", "other.npz"):
        (repo / name).write_bytes(b"PK\x03\x04")
    assert stage_golden(str(repo / "inputs.npz"), str(tmp_path / "a")) == (["inputs.npz", "outputs.npz"], "inputs.npz")
    assert stage_golden(str(repo / "other.npz"), str(tmp_path / "b")) == (["other.npz"], "other.npz")


def test_a_record_is_taken_with_its_arrays(repo: Path, tmp_path: Path) -> None:
    (repo / "golden.json").write_bytes(b"{}")
    (repo / "golden.npz").write_bytes(b"PK\x03\x04")
    for number, path in enumerate((repo, repo / "golden.json")):
        assert stage_golden(str(path), str(tmp_path / str(number))) == (["golden.json", "golden.npz"], "")


def test_the_owner_may_name_a_link(repo: Path, tmp_path: Path) -> None:
    (repo / "a.npz").write_bytes(b"PK\x03\x04")
    (tmp_path / "link.npz").symlink_to(repo / "a.npz")
    (tmp_path / "folder").symlink_to(repo)
    assert stage_golden(str(tmp_path / "link.npz"), str(tmp_path / "a"))[0] == ["link.npz"]
    assert len(stage_golden(str(tmp_path / "folder"), str(tmp_path / "b"))[0]) == 4


def test_a_link_among_the_files_is_refused(repo: Path, tmp_path: Path) -> None:
    (repo / "test_data_set_0" / "input_0.pb").unlink()
    (repo / "test_data_set_0" / "input_0.pb").symlink_to(tmp_path / "secret.pb")
    error = refused(repo, tmp_path / "staged")
    assert (error.code, error.subject) == ("E_UNSAFE", "test_data_set_0/input_0.pb")


def test_a_set_that_is_a_link_is_refused(repo: Path, tmp_path: Path) -> None:
    (repo / "test_data_set_1").symlink_to(tmp_path)
    error = refused(repo, tmp_path / "staged", found=True)
    assert (error.code, error.subject) == ("E_UNSAFE", "test_data_set_1")


def test_a_pair_that_is_a_link_is_refused(repo: Path, tmp_path: Path) -> None:
    (repo / "inputs.npz").write_bytes(b"PK\x03\x04")
    (repo / "outputs.npz").symlink_to(tmp_path / "secret.pb")
    assert refused(repo / "inputs.npz", tmp_path / "staged").code == "E_UNSAFE"


def test_what_is_not_a_file_does_not_hang(repo: Path, tmp_path: Path) -> None:
    os.mkfifo(repo / "test_data_set_0" / "input_5.pb")
    error = refused(repo, tmp_path / "staged")
    assert (error.code, error.subject) == ("E_FILE", "test_data_set_0/input_5.pb")
    os.mkfifo(repo / "a.npz")
    assert refused(repo / "a.npz", tmp_path / "again").code == "E_FILE"


def test_too_much(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_golden, "LARGEST", 50)
    assert refused(repo, tmp_path / "a").code == "E_SIZE"
    monkeypatch.setattr(intake_golden, "LARGEST", 1 << 20)
    monkeypatch.setattr(intake_golden, "MOST_FILES", 3)
    assert refused(repo, tmp_path / "b").code == "E_SIZE"


def test_a_pointer_of_git_lfs_and_an_empty_file(repo: Path, tmp_path: Path) -> None:
    (repo / "test_data_set_0" / "output_0.pb").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    error = refused(repo, tmp_path / "a")
    assert (error.code, error.remedy) == ("E_GOLDEN", "run git lfs pull")
    (repo / "test_data_set_0" / "output_0.pb").write_bytes(b"")
    error = refused(repo, tmp_path / "b")
    assert (error.code, error.cause) == ("E_GOLDEN", "is empty")


def test_a_kind_of_file_that_holds_no_golden_data(repo: Path, tmp_path: Path) -> None:
    assert refused(repo / "weights.bin", tmp_path / "a").code == "E_GOLDEN"
    assert refused(repo / "missing.npz", tmp_path / "b").cause == "does not exist"
