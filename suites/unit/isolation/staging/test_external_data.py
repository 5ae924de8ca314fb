"""External data of a model: what is taken in beside it, and what is refused because it lies elsewhere."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fixtures import graphs, hazards
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.isolation.staging import copying
from pytest_onnxaccel.isolation.staging import external_data as external
from pytest_onnxaccel.isolation.staging.copying import Allowance
from pytest_onnxaccel.isolation.staging.external_data import stage_external
from pytest_onnxaccel.isolation.staging.stage_model import Staged, stage

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
    stage_external(staged, ("w.bin", "deep/er/w.bin", ".//deep/./er/w.bin"), "m.onnx")
    assert Path(staged.folder, "w.bin").read_bytes() == b"weights"
    assert Path(staged.folder, "deep", "er", "w.bin").read_bytes() == b"more"


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("../secret.bin", "leads upwards with '..'"),
        ("a/../../secret.bin", "leads upwards with '..'"),
        ("a/../model.onnx", "leads upwards with '..'"),
        ("{tmp}/secret.bin", "is an absolute path"),
        ("/etc/passwd", "is an absolute path - save the model with a path relative to its own folder"),
        ("/dev/zero", "is an absolute path"),
        (".", "is the path of a folder"),
        ("..", "leads upwards with '..'"),
        ("", "is an empty path"),
        ("w\0.bin", "holds a NUL"),
        ("model.onnx/", "is the path of a folder"),
        ("~/x/../../..", "leads upwards with '..'"),
    ],
)
def test_a_location_that_leads_elsewhere(location: str, says: str, staged: Staged, tmp_path: Path) -> None:
    assert says in external_refusal(staged, location.format(tmp=tmp_path))


def test_even_an_absolute_path_to_the_right_file(staged: Staged) -> None:
    Path(staged.source_folder, "w.bin").write_bytes(b"weights")
    line = external_refusal(staged, os.path.join(staged.source_folder, "w.bin"))
    assert "is an absolute path - save the model with a path relative to its own folder" in line


def test_a_link_that_leads_out(staged: Staged, tmp_path: Path) -> None:
    Path(staged.source_folder, "w.bin").symlink_to(tmp_path / "secret.bin")
    copy_it = "put a copy of the file itself there (cp -L)"
    assert f"is a symbolic link - {copy_it}" in external_refusal(staged, "w.bin")
    Path(staged.source_folder, "folder").symlink_to(tmp_path)
    assert "passes the symbolic link 'folder'" in external_refusal(staged, "folder/secret.bin")


def test_a_link_that_stays_inside(staged: Staged) -> None:
    """onnx's checker refuses it where the model lies; the private copy must not make it pass."""
    repo = Path(staged.source_folder)
    (repo / "blob").write_bytes(b"weights")
    (repo / "w.bin").symlink_to("blob")
    assert "is a symbolic link" in external_refusal(staged, "w.bin")


def test_a_link_that_stays_inside_and_climbs_out_by_its_target(staged: Staged, tmp_path: Path) -> None:
    """ExposedModel for the file system, above the private copy as a text: so a file was written anywhere."""
    repo = Path(staged.source_folder)
    (repo / "a" / "b" / "c").mkdir(parents=True)
    (repo / "link").symlink_to("a/b/c")
    (repo / "a" / "escaped.bin").write_bytes(b"weights")
    assert "leads upwards" in external_refusal(staged, "link/../../escaped.bin")
    assert not (tmp_path / "escaped.bin").exists()


def test_a_cache_that_links_to_blobs_says_what_to_do(tmp_path: Path) -> None:
    """As hubs lay their caches: the model is named by the owner and may be a link, its data may not."""
    hub = tmp_path / "hub"
    (hub / "blobs").mkdir(parents=True)
    (hub / "snapshots" / "1").mkdir(parents=True)
    for name, content in (("model.onnx", MODEL), ("model.onnx_data", b"weights")):
        (hub / "blobs" / name).write_bytes(content)
        (hub / "snapshots" / "1" / name).symlink_to(f"../../blobs/{name}")
    staged = stage(str(hub / "snapshots" / "1" / "model.onnx"), "m.onnx", str(tmp_path / "staging"))
    line = external_refusal(staged, "model.onnx_data")
    assert "external data 'model.onnx_data' is a symbolic link - put a copy of the file itself there (cp -L)" in line


def test_a_neighbour_whose_name_begins_like_the_folder(staged: Staged, tmp_path: Path) -> None:
    (tmp_path / "repo-other").mkdir()
    (tmp_path / "repo-other" / "w.bin").write_bytes(b"x")
    assert "leads upwards" in external_refusal(staged, "../repo-other/w.bin")


def test_missing_data_and_data_that_is_no_file(staged: Staged) -> None:
    beside = "put the data file next to the model"
    assert f"'absent.bin': does not exist - {beside}" in external_refusal(staged, "absent.bin")
    hazards.fifo(Path(staged.source_folder, "pipe"))
    assert f"'pipe' is a FIFO, not a regular file - {beside}" in external_refusal(staged, "pipe")
    Path(staged.source_folder, "folder").mkdir()
    assert "'folder' is a folder, not a regular file" in external_refusal(staged, "folder")
    assert "a backslash is part of a file's name here" in external_refusal(staged, "folder\\w.bin")


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
    at_root = Staged(staged.path, staged.folder, staged.sha256, staged.size, "/", staged.identity)
    stage_external(at_root, (str(data).lstrip("/"),), "m.onnx")
    assert Path(staged.folder, str(data).lstrip("/")).read_bytes() == b"weights"


def test_data_that_is_replaced_after_staging_does_not_matter(staged: Staged) -> None:
    data = Path(staged.source_folder, "w.bin")
    data.write_bytes(b"weights")
    stage_external(staged, ("w.bin",), "m.onnx")
    data.write_bytes(b"other")
    assert Path(staged.folder, "w.bin").read_bytes() == b"weights"


# -- each file once, and nothing overwritten --------------------------------------------------------------------


def test_one_file_under_sixty_spellings_is_copied_once(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(staged.source_folder, "w.bin").write_bytes(b"weights")
    taken: list[int] = []
    monkeypatch.setattr(Allowance, "take", lambda self, size: taken.append(size))
    stage_external(staged, ["./" * k + "w.bin" for k in range(30)] + ["./" + "/" * k + "w.bin" for k in range(30)], "m")
    assert taken == [len(b"weights")]
    assert sorted(os.listdir(staged.folder)) == ["model.onnx", "w.bin"]


def test_hard_links_are_files_of_their_own_with_the_same_content(staged: Staged) -> None:
    """Under both names; and not as hard links, which onnx's checker refuses."""
    repo = Path(staged.source_folder)
    (repo / "a.bin").write_bytes(b"weights")
    os.link(repo / "a.bin", repo / "b.bin")
    stage_external(staged, ("a.bin", "b.bin"), "m.onnx")
    for name in ("a.bin", "b.bin"):
        copy = Path(staged.folder, name)
        assert (copy.read_bytes(), copy.stat().st_nlink) == (b"weights", 1)


def test_data_named_as_the_private_copy_of_the_model_does_not_replace_it(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "net.onnx").write_bytes(MODEL)
    (repo / "model.onnx").write_bytes(b"another file")
    staged = stage(str(repo / "net.onnx"), "m.onnx", str(tmp_path / "staging"))
    line = external_refusal(staged, "./model.onnx")
    assert "has the name that another file's private copy has - save the data under another name" in line
    assert Path(staged.path).read_bytes() == MODEL


def test_a_model_that_names_itself_by_its_own_name_sees_what_was_judged(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "net.onnx").write_bytes(MODEL)
    staged = stage(str(repo / "net.onnx"), "m.onnx", str(tmp_path / "staging"))
    (repo / "net.onnx").write_bytes(b"replaced")
    stage_external(staged, ("net.onnx",), "m.onnx")
    assert Path(staged.folder, "net.onnx").read_bytes() == MODEL


# -- limits and the machine's trouble ---------------------------------------------------------------------------


def fails(staged: Staged, *locations: str, seconds: float = 100.0) -> ModelError:
    with pytest.raises(ModelError) as caught:
        stage_external(staged, locations, "m.onnx", seconds)
    assert os.listdir(staged.folder) == ["model.onnx"], "what was copied before stays"
    assert len(str(caught.value)) <= 300
    return caught.value


def test_limits_on_size_count_and_time(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("a.bin", "b.bin", "c.bin")
    for name in names:
        Path(staged.source_folder, name).write_bytes(b"weights")
    error = fails(staged, *names, seconds=-1)
    assert (error.code, error.remedy) == (
        "E_TIMEOUT",
        "raise the time limit (--onnx-timeout, or --timeout of a command) if the disk is only slow",
    )
    monkeypatch.setattr(external, "MOST_FILES", 2)
    assert fails(staged, *names).code == "E_SIZE"
    monkeypatch.setattr(external, "MOST_FILES", 3)
    monkeypatch.setattr(external, "LARGEST", 20)
    assert fails(staged, *names).code == "E_SIZE"
    monkeypatch.setattr(external, "LARGEST", 21)
    stage_external(staged, names, "m.onnx")


def test_a_file_that_keeps_growing_is_taken_as_it_was(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    data, read = Path(staged.source_folder, "w.bin"), os.read
    data.write_bytes(b"weights")

    def growing(handle: int, count: int) -> bytes:
        with data.open("ab") as file:
            file.write(b"more")
        return read(handle, count)

    monkeypatch.setattr(copying.os, "read", growing)
    stage_external(staged, ("w.bin",), "m.onnx")
    assert Path(staged.folder, "w.bin").read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room on the disk, or set TMPDIR to a larger one"),
        (errno.EDQUOT, "make room on the disk, or set TMPDIR to a larger one"),
        (errno.EFBIG, "raise the limit on file size (ulimit -f)"),
        (errno.EROFS, "set TMPDIR to a folder that can be written"),
    ],
)
def test_a_disk_that_takes_no_more_is_not_the_models_fault(
    staged: Staged, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    for name in ("a.bin", "w.bin"):
        Path(staged.source_folder, name).write_bytes(name.encode())
    write = os.write

    def full(handle: int, chunk: bytes) -> int:
        if bytes(chunk) == b"w.bin":
            raise OSError(number, os.strerror(number))
        return write(handle, chunk)

    monkeypatch.setattr(copying.os, "write", full)
    error = fails(staged, "a.bin", "w.bin")
    assert (error.code, error.remedy) == ("E_FILE", remedy)
    assert error.cause == f"its private copy cannot be written: {os.strerror(number)}"


@pytest.mark.parametrize(
    ("number", "code", "remedy"),
    [
        (errno.EIO, "E_FILE", "check the disk or network share that it is on"),
        (errno.EMFILE, "E_FILE", "raise the limit on open files (ulimit -n)"),
        (errno.EACCES, "E_EXTERNAL", "give read permission"),
        (errno.ENAMETOOLONG, "E_EXTERNAL", "give it a shorter name"),
        (errno.ENOENT, "E_EXTERNAL", "put the data file next to the model"),
    ],
)
def test_each_reason_why_data_cannot_be_read_has_its_own_remedy(
    staged: Staged, monkeypatch: pytest.MonkeyPatch, number: int, code: str, remedy: str
) -> None:
    def broken(folder: int, location: str) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(external, "open_beneath", broken)
    error = fails(staged, "w.bin")
    assert (error.code, error.remedy) == (code, remedy)
    assert error.cause.startswith("external data 'w.bin': ")


def test_a_disk_that_breaks_while_data_is_read(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(staged.source_folder, "w.bin").write_bytes(b"weights")

    def broken(handle: int, count: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(copying.os, "read", broken)
    assert fails(staged, "w.bin").code == "E_FILE"
