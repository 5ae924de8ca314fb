"""What is taken in for a model file, and the one line with which everything else is refused."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures import graphs, hazards
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.files import beneath
from pytest_onnxaccel.isolation.staging import copying
from pytest_onnxaccel.isolation.staging.stage_model import Staged, folder_name, stage

MODEL = graphs.small_cnn().SerializeToString()


@pytest.fixture
def private(tmp_path: Path) -> str:
    return str(tmp_path / "staging" / "000-m")


def refusal(path: Path | str, private: str, code: str) -> str:
    with pytest.raises(ModelError) as caught:
        stage(str(path), "given/m.onnx", private)
    assert caught.value.code == code
    line = str(caught.value)
    assert line.startswith(f"onnxaccel[{code}] given/m.onnx: ")
    assert len(line) <= 300
    assert line.isprintable()
    assert not os.path.isabs(path) or str(path) not in line
    return line


def test_a_model_is_copied_under_a_plain_name_and_hashed(tmp_path: Path, private: str) -> None:
    source = tmp_path / "weird name; rm -rf.onnx"
    source.write_bytes(MODEL)
    staged = stage(str(source), "m.onnx", private)
    found = source.stat()
    assert staged == Staged(
        os.path.join(private, "model.onnx"), private, hashlib.sha256(MODEL).hexdigest(), len(MODEL), str(tmp_path),
        (found.st_dev, found.st_ino),
    )  # fmt: skip
    assert Path(staged.path).read_bytes() == MODEL
    assert stat.S_IMODE(os.stat(private).st_mode) == 0o700


def test_what_happens_to_the_original_afterwards_does_not_matter(tmp_path: Path, private: str) -> None:
    source = tmp_path / "m.onnx"
    source.write_bytes(MODEL)
    staged = stage(str(source), "m.onnx", private)
    source.write_bytes(b"replaced")
    assert Path(staged.path).read_bytes() == MODEL
    source.unlink()
    assert Path(staged.path).read_bytes() == MODEL


def test_a_link_to_a_model_is_the_model(tmp_path: Path, private: str) -> None:
    (tmp_path / "real.onnx").write_bytes(MODEL)
    (tmp_path / "link.onnx").symlink_to("real.onnx")
    assert stage(str(tmp_path / "link.onnx"), "m", private).size == len(MODEL)


# -- files that cannot be read ----------------------------------------------------------------------------------


def test_missing(tmp_path: Path, private: str) -> None:
    assert refusal(tmp_path / "absent", private, "E_FILE").endswith(
        f"does not exist - check the path: no absent in {tmp_path}"
    )
    deeper = refusal(tmp_path / "nets" / "absent", private, "E_FILE")
    assert deeper.endswith(f"check the path: no nets/absent in {tmp_path}"), "the nearest folder that exists is named"


def test_empty_name_and_nul(private: str) -> None:
    assert "does not exist" in refusal("", private, "E_FILE")
    assert "holds a NUL" in refusal("a\0b", private, "E_FILE")


def test_names_that_are_too_long_or_go_in_circles(tmp_path: Path, private: str) -> None:
    assert "too long" in refusal(tmp_path / ("x" * 300), private, "E_FILE")
    (tmp_path / "loop").symlink_to("loop")
    assert "symbolic links" in refusal(tmp_path / "loop", private, "E_FILE")
    (tmp_path / "file").write_bytes(MODEL)
    assert "Not a directory" in refusal(tmp_path / "file" / "m.onnx", private, "E_FILE")


def test_a_folder(tmp_path: Path, private: str) -> None:
    assert "is a folder, not a regular file - give a file" in refusal(tmp_path, private, "E_FILE")


def test_a_pipe_without_a_writer_does_not_hang(tmp_path: Path, private: str) -> None:
    assert "is a FIFO, not a regular file" in refusal(hazards.fifo(tmp_path / "p"), private, "E_FILE")


def test_devices_and_sockets(tmp_path: Path, private: str) -> None:
    assert "is a device" in refusal("/dev/zero", private, "E_FILE")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "s"))
        assert "socket" in refusal(tmp_path / "s", private, "E_FILE")


AS_NOBODY = """
import os, sys
sys.path[:] = sys.argv[3].split(os.pathsep)
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.isolation.staging.stage_model import stage
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    stage(sys.argv[1], "given/m.onnx", sys.argv[2])
except ModelError as error:
    print(error)
"""


def test_no_permission(tmp_path: Path, private: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(MODEL)
    path.chmod(0)
    result = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(path), private, os.pathsep.join(sys.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Permission denied" not in result.stdout:
        pytest.skip("another user cannot run this interpreter here")
    assert result.stdout.startswith("onnxaccel[E_FILE] given/m.onnx: Permission denied - give read permission")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room on the disk, or set TMPDIR to a larger one"),
        (errno.EDQUOT, "make room on the disk, or set TMPDIR to a larger one"),
        (errno.EFBIG, "raise the limit on file size (ulimit -f)"),
        (errno.EIO, "check the disk or network share that it is on"),
    ],
)
def test_a_full_disk_is_told_and_given_back(
    tmp_path: Path, private: str, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    (tmp_path / "m.onnx").write_bytes(MODEL)

    def full(handle: int, chunk: bytes) -> int:
        os.ftruncate(handle, 4)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(copying.os, "write", full)
    line = refusal(tmp_path / "m.onnx", private, "E_FILE")
    assert f"its private copy cannot be written: {os.strerror(number)} - {remedy}" in line
    assert os.listdir(private) == []


def test_a_folder_for_the_copy_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(MODEL)
    (tmp_path / "file").write_bytes(b"")
    line = refusal(tmp_path / "m.onnx", str(tmp_path / "file" / "000-m"), "E_FILE")
    assert "private copy cannot be written: Not a directory - set TMPDIR to a folder that can be written" in line


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EMFILE, "raise the limit on open files (ulimit -n)"),
        (errno.EIO, "check the disk or network share that it is on"),
        (errno.ELOOP, "its links lead in a circle: name the file itself"),
        (errno.ENAMETOOLONG, "give it a shorter name"),
        (errno.EACCES, "give read permission"),
    ],
)
def test_each_reason_why_a_file_cannot_be_opened_has_its_own_remedy(
    tmp_path: Path, private: str, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    (tmp_path / "m.onnx").write_bytes(MODEL)

    def fails(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(beneath.os, "open", fails)
    assert refusal(tmp_path / "m.onnx", private, "E_FILE").endswith(f"{os.strerror(number)} - {remedy}")


def test_a_copy_that_takes_too_long_is_given_up(tmp_path: Path, private: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.onnx").write_bytes(MODEL)
    with pytest.raises(ModelError) as caught:
        stage(str(tmp_path / "m.onnx"), "m.onnx", private, seconds=-1)
    assert caught.value.code == "E_TIMEOUT"
    assert "raise the time limit (--onnx-timeout" in str(caught.value)
    assert os.listdir(private) == []


def test_nothing_that_is_there_is_overwritten(tmp_path: Path, private: str) -> None:
    (tmp_path / "m.onnx").write_bytes(MODEL)
    os.makedirs(private)
    os.symlink(tmp_path / "elsewhere", os.path.join(private, "model.onnx"))
    refusal(tmp_path / "m.onnx", private, "E_FILE")
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_larger_than_any_model_is_not_copied(tmp_path: Path, private: str) -> None:
    path = tmp_path / "m.onnx"
    path.touch()
    os.truncate(path, 1 << 40)
    line = refusal(path, private, "E_SIZE")
    assert "is 1099.5 GB large, and an ONNX file holds at most 2.1 GB - keep the weights as external data" in line
    assert not os.path.exists(private)


def test_a_file_that_keeps_growing_is_taken_as_it_was(
    tmp_path: Path, private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(MODEL)
    read = os.read

    def growing(handle: int, count: int) -> bytes:
        with path.open("ab") as file:
            file.write(b"more")
        return read(handle, count)

    monkeypatch.setattr(copying.os, "read", growing)
    assert Path(stage(str(path), "m", private).path).read_bytes() == MODEL


# -- files that are something else ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (hazards.empty, "is empty - export the model again"),
        (hazards.lfs_pointer, "is a Git LFS pointer, not the model - run git lfs pull"),
        (hazards.html, "is an HTML page - download the file itself"),
        (hazards.zip_file, "is a zip archive - unpack it"),
    ],
)
def test_what_is_no_model(make: Callable[[Path], Path], says: str, tmp_path: Path, private: str) -> None:
    assert says in refusal(make(tmp_path / "m.onnx"), private, "E_NOTMODEL")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(MODEL), "is a gzip archive - unpack it"),
        (b"\n\n  <HTML lang=en>", "is an HTML page"),
        (b"\xef\xbb\xbf<!DOCTYPE html>", "is an HTML page"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
    ],
)
def test_more_of_what_is_no_model(content: bytes, says: str, tmp_path: Path, private: str) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    assert says in refusal(tmp_path / "m.onnx", private, "E_NOTMODEL")


def test_garbage_is_for_the_parser_to_judge(tmp_path: Path, private: str) -> None:
    assert stage(str(hazards.garbage(tmp_path / "m.onnx")), "m", private).size == 4096


def test_many_stagings_at_once_do_not_mix(tmp_path: Path) -> None:
    found: dict[int, Any] = {}

    def one(number: int) -> None:
        path = tmp_path / f"{number}.onnx"
        path.write_bytes(MODEL + bytes([number]) * 1000)
        found[number] = stage(str(path), "m", str(tmp_path / folder_name("m", number)))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({s.sha256 for s in found.values()}) == 8


# -- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "../../etc",
        "..",
        ".",
        "/",
        "",
        "a b;c",
        "größe",
        "x" * 500,
        "a\0b",
        "-rf",
        "model.onnx",
        "$HOME",
        "a\nb",
        "con/../x",
    ],
)
def test_folder_names_are_plain(name: str) -> None:
    found = folder_name(name, 7)
    assert found.startswith("007-")
    assert len(found) <= 44
    assert all(c.isascii() and (c.isalnum() or c in "-_") for c in found)


def test_folder_names_tell_models_apart() -> None:
    assert len({folder_name("same", n) for n in range(3)}) == 3
