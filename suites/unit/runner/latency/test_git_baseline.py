"""The model's own file at a git revision."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_onnxaccel.core.errors import ModelError, NoBaseline
from pytest_onnxaccel.runner.latency import git_baseline as baseline
from pytest_onnxaccel.runner.latency.git_baseline import LFS, at_revision


def git(folder: Path, *arguments: str) -> str:
    names = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *arguments],
        cwd=folder, env={**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """``models/m.onnx``, changed since the tag ``old``, beside a pointer and with external data."""
    folder = tmp_path / "repo" / "models"
    folder.mkdir(parents=True)
    git(folder.parent, "init", "-q")
    (folder / "m.onnx").write_bytes(b"old model")
    (folder / "m.data").write_bytes(b"old data")
    (folder / "lfs.onnx").write_bytes(LFS + b"v1\noid sha256:0\nsize 3\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "old")
    git(folder, "tag", "old")
    (folder / "m.onnx").write_bytes(b"new model")
    (folder / "new.onnx").write_bytes(b"newer")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "new")
    return folder / "m.onnx"


def fetched(path: Path, revision: str, tmp_path: Path, external: tuple[str, ...] = ()) -> str:
    return at_revision(str(path), revision, str(tmp_path / "staging"), lambda _: external)


def test_the_file_as_it_was(model: Path, tmp_path: Path) -> None:
    found = Path(fetched(model, "old", tmp_path, ("m.data", "../escape")))
    assert found.read_bytes() == b"old model"
    assert (found.parent / "m.data").read_bytes() == b"old data"
    assert sorted(p.name for p in found.parent.iterdir()) == ["m.data", "m.onnx"]
    assert Path(fetched(model, "HEAD", tmp_path)).read_bytes() == b"new model"
    assert Path(fetched(model, "HEAD~1", tmp_path)).read_bytes() == b"old model"
    assert fetched(model, "old", tmp_path) == str(found)


@pytest.mark.parametrize(
    "location", ["a\0b", "../escape", "sub/../../escape", "/etc/passwd", "", "m.onnx", "./m.onnx", "m.data/", "."]
)
def test_locations_that_lead_elsewhere_are_left_to_the_intake(model: Path, tmp_path: Path, location: str) -> None:
    found = Path(fetched(model, "old", tmp_path, (location,)))
    assert found.read_bytes() == b"old model"
    assert os.listdir(found.parent) == ["m.onnx"]
    assert os.listdir(tmp_path / "staging") == [found.parent.name]


def test_data_is_fetched_once_however_it_is_spelt(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    fetch = baseline._fetch
    monkeypatch.setattr(baseline, "_fetch", lambda *given: (asked.append(given[2]), fetch(*given)))
    found = Path(fetched(model, "old", tmp_path, tuple("./" * k + "m.data" for k in range(60))))
    assert asked == ["m.onnx", "m.data"]
    assert (found.parent / "m.data").read_bytes() == b"old data"


def test_what_the_working_tree_holds_does_not_matter(model: Path, tmp_path: Path) -> None:
    model.write_bytes(b"not committed")
    assert Path(fetched(model, "HEAD", tmp_path)).read_bytes() == b"new model"


def test_a_new_model_has_no_baseline(model: Path, tmp_path: Path) -> None:
    with pytest.raises(NoBaseline, match=r"new.onnx at old: the revision does not hold this file"):
        fetched(model.with_name("new.onnx"), "old", tmp_path)


def test_an_lfs_pointer_is_no_model(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"E_NOTMODEL.*git holds a Git LFS pointer there.*--onnx-reference"):
        fetched(model.with_name("lfs.onnx"), "old", tmp_path)
    assert not list(Path(tmp_path, "staging").rglob("lfs.onnx"))


@pytest.mark.parametrize("revision", ["origin/main", "nonsense", "old:models/m.onnx"])
def test_an_unknown_revision(model: Path, tmp_path: Path, revision: str) -> None:
    with pytest.raises(ModelError, match=r"git knows no revision .*fetch it first"):
        fetched(model, revision, tmp_path)


def test_outside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(ModelError, match=r"is in no git repository .*--onnx-reference"):
        fetched(tmp_path / "m.onnx", "main", tmp_path)


def test_without_git(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match="git is not installed"):
        fetched(model, "old", tmp_path)
