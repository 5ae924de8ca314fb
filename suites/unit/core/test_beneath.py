"""One path, judged and used: what is opened below a folder, and what is refused."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_onnxaccel.core.files import beneath
from pytest_onnxaccel.core.files.beneath import (
    DEEPEST,
    Refused,
    create_beneath,
    open_beneath,
    open_folder,
    open_regular,
    split,
    write_beneath,
)
from pytest_onnxaccel.core.files.walk import walk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with files in it, and a secret beside it."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "w").write_bytes(b"secret")
    found = tmp_path / "root"
    (found / "a" / "b").mkdir(parents=True)
    for name in ("w", "a/w", "a/b/w"):
        (found / name).write_bytes(name.encode())
    return found


@pytest.fixture
def folder(root: Path) -> Iterator[int]:
    handle = open_folder(str(root))
    yield handle
    os.close(handle)


def content(handle: int) -> bytes:
    with os.fdopen(handle, "rb") as file:
        return file.read()


def descriptors() -> set[str]:
    return set(os.listdir("/dev/fd"))


def refused(folder: int, location: str) -> str:
    before = len(descriptors())
    with pytest.raises(Refused) as caught:
        open_beneath(folder, location)
    assert len(descriptors()) == before, "a descriptor is left open"
    return caught.value.cause


# -- texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("location", ["a/b/w", "./a/b/w", "a//b/w", "a/./b/./w", ".//a/././/b//w"])
def test_spellings_of_one_file_are_one(folder: int, location: str) -> None:
    assert split(location) == ("a", "b", "w")
    assert content(open_beneath(folder, location)) == b"a/b/w"


@pytest.mark.parametrize(
    "name", ["..w", "...", "a b", " ", "größe", "gro\u0308ße", "重み", "~", "a\\b", "..\\w", "$HOME"]
)
def test_odd_names_are_names(root: Path, folder: int, name: str) -> None:
    (root / name).write_bytes(b"odd")
    assert split(name) == (name,)
    assert content(open_beneath(folder, name)) == b"odd"


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("", "is an empty path"),
        ("..", "leads upwards"),
        ("../secret", "leads upwards"),
        ("a/../w", "leads upwards"),
        ("./../secret", "leads upwards"),
        ("a/b/..", "leads upwards"),
        ("a//..//w", "leads upwards"),
        ("/etc/passwd", "is an absolute path"),
        ("//etc/passwd", "is an absolute path"),
        ("/", "is an absolute path"),
        ("w\0", "holds a NUL"),
        ("\0", "holds a NUL"),
        (".", "is the path of a folder"),
        ("w/", "is the path of a folder"),
        ("w/.", "is the path of a folder"),
        ("./", "is the path of a folder"),
        ("\ud800", "cannot be the name of a file here"),
        ("x/" * DEEPEST + "x", "deeper than"),
        ("x" * 5000, "longer than"),
    ],
)
def test_what_is_no_way_down_is_refused_as_a_text(folder: int, location: str, says: str) -> None:
    with pytest.raises(Refused) as caught:
        split(location)
    assert says in caught.value.cause
    assert caught.value.remedy
    assert says in refused(folder, location)


@pytest.mark.parametrize(
    "location", ["%2e%2e/secret", "．．/secret", "..\\secret", "‥/secret", ". ./secret", "..%00/secret"]
)
def test_what_only_looks_like_upwards_is_a_name_that_is_not_there(folder: int, location: str) -> None:
    with pytest.raises(FileNotFoundError):
        open_beneath(folder, location)


# -- links ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["w", "../w", "b", "b/w", "../../secret", "/etc/passwd", "nowhere", "link"])
def test_a_link_is_refused_wherever_it_leads(root: Path, folder: int, target: str) -> None:
    (root / "a" / "link").symlink_to(target)
    assert refused(folder, "a/link") == "is a symbolic link"


@pytest.mark.parametrize("place", ["link", "a/link", "a/b/link"])
@pytest.mark.parametrize("target", [".", "..", "{outside}", "/", "link"])
def test_a_link_on_the_way_is_refused_in_every_position(root: Path, folder: int, place: str, target: str) -> None:
    (root / place).symlink_to(target.format(outside=root.parent / "outside"))
    assert refused(folder, f"{place}/w") == "passes the symbolic link 'link'"
    assert refused(folder, f"{place}/more/w") == "passes the symbolic link 'link'"


def test_the_folder_itself_may_be_reached_by_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(root)
    handle = open_folder(str(tmp_path / "way"))
    try:
        assert content(open_beneath(handle, "a/w")) == b"a/w"
    finally:
        os.close(handle)


def test_a_folder_that_may_be_searched_need_not_be_readable(root: Path, folder: int) -> None:
    (root / "a").chmod(0o100)
    try:
        assert content(open_beneath(folder, "a/w")) == b"a/w"
    finally:
        (root / "a").chmod(0o700)


# -- what is not a file -----------------------------------------------------------------------------------------


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize(
    ("make", "kind"), [(Path.mkdir, "a folder"), (lambda p: os.mkfifo(p), "a FIFO"), (bound, "a socket")]
)
def test_what_is_not_regular_is_refused_and_does_not_hang(
    root: Path, folder: int, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], kind: str
) -> None:
    monkeypatch.chdir(root)  # the path of a socket must be short
    make(Path("odd"))
    assert refused(folder, "odd") == f"is {kind}, not a regular file"
    with pytest.raises(Refused, match=f"is {kind}"):
        open_regular(str(root / "odd"))


def test_devices_are_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object, **__: object) -> int:
        raise AssertionError("opening a device may do something")

    handle = open_folder("/dev")
    monkeypatch.setattr(beneath.os, "open", opened)
    try:
        for name in ("zero", "null"):
            assert refused(handle, name) == "is a device, not a regular file"
            with pytest.raises(Refused, match="is a device"):
                open_regular(f"/dev/{name}")
    finally:
        os.close(handle)


@pytest.mark.parametrize("location", ["w/inside", "absent", "a/absent/w"])
def test_what_is_not_there_is_the_systems_error(folder: int, location: str) -> None:
    before = len(descriptors())
    with pytest.raises((FileNotFoundError, NotADirectoryError)):
        open_beneath(folder, location)
    assert len(descriptors()) == before


def test_a_name_that_is_too_long_for_the_disk(folder: int) -> None:
    with pytest.raises(OSError, match="too long") as caught:
        open_beneath(folder, "x" * 300)
    assert caught.value.errno == errno.ENAMETOOLONG


# -- races ------------------------------------------------------------------------------------------------------


def test_a_file_swapped_for_a_link_after_it_was_looked_at(
    root: Path, folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.stat

    def swapping(path: object, *args: object, **kwargs: object) -> os.stat_result:
        found = real(path, *args, **kwargs)  # type: ignore[arg-type]
        if path == "w" and not (root / "w").is_symlink():
            (root / "w").unlink()
            (root / "w").symlink_to("../secret")
        return found

    monkeypatch.setattr(beneath.os, "stat", swapping)
    assert refused(folder, "w") == "is a symbolic link"


def test_a_file_swapped_for_a_pipe_after_it_was_looked_at(
    root: Path, folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def swapping(path: object, *args: object, **kwargs: object) -> int:
        if path == "w":
            (root / "w").unlink()
            os.mkfifo(root / "w")
        return real(path, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(beneath.os, "open", swapping)
    assert refused(folder, "w") == "is a FIFO, not a regular file"


@pytest.mark.parametrize("step", ["a", "b"])
def test_a_folder_swapped_for_a_link_on_the_way(
    root: Path, folder: int, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    real = os.open

    def swapping(path: object, *args: object, **kwargs: object) -> int:
        place = root / "a" if step == "a" else root / "a" / "b"
        if path == step and not place.is_symlink():
            place.rename(root / "moved")
            place.symlink_to(root.parent / "outside")
        return real(path, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(beneath.os, "open", swapping)
    assert refused(folder, "a/b/w") == f"passes the symbolic link {step!r}"


def test_a_folder_moved_away_after_it_was_opened_is_still_the_one_that_was_judged(
    root: Path, folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def swapping(path: object, *args: object, **kwargs: object) -> int:
        handle = real(path, *args, **kwargs)  # type: ignore[arg-type]
        if path == "a":
            (root / "a").rename(root / "moved")
            (root / "a").symlink_to(root.parent / "outside")
        return handle

    monkeypatch.setattr(beneath.os, "open", swapping)
    assert content(open_beneath(folder, "a/w")) == b"a/w"


# -- writing ----------------------------------------------------------------------------------------------------


def test_a_file_is_made_below_and_nothing_is_overwritten(root: Path, folder: int) -> None:
    os.close(create_beneath(folder, "new/er/w"))
    assert (root / "new" / "er" / "w").read_bytes() == b""
    for taken in ("w", "a"):
        with pytest.raises(FileExistsError):
            create_beneath(folder, taken)
    (root / "dangling").symlink_to(root.parent / "escaped")
    with pytest.raises(FileExistsError):
        create_beneath(folder, "dangling")
    (root / "way").symlink_to(root.parent / "outside")
    with pytest.raises(Refused, match="passes the symbolic link 'way'"):
        create_beneath(folder, "way/escaped")
    with pytest.raises(Refused, match="leads upwards"):
        create_beneath(folder, "../escaped")
    assert sorted(os.listdir(root.parent)) == ["outside", "root", "secret"]
    assert os.listdir(root.parent / "outside") == ["w"]


def test_a_file_is_replaced_whole_or_not_at_all(root: Path, folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    source = os.open(root / "a" / "w", os.O_RDONLY)
    try:
        (root / "link").symlink_to("../secret")
        write_beneath(folder, "link", source)
        assert (root / "link").read_bytes() == b"a/w"
        assert (root.parent / "secret").read_bytes() == b"secret"

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(beneath.shutil, "copyfileobj", full)
        with pytest.raises(OSError, match="No space"):
            write_beneath(folder, "w", source)
    finally:
        os.close(source)
    assert (root / "w").read_bytes() == b"w"
    assert not [name for name in os.listdir(root) if name.endswith(".part")]


# -- folders ----------------------------------------------------------------------------------------------------


def walked(root: Path, most: int = 100) -> list[tuple[str, bytes]]:
    handle = open_folder(str(root), listed=True)
    before = len(descriptors())
    try:
        return [(name, os.read(file, 100)) for name, file in walk(handle, most)]
    finally:
        assert len(descriptors()) == before
        os.close(handle)


def test_all_files_of_a_folder_come_in_the_order_of_their_names(root: Path) -> None:
    assert walked(root) == [("a/b/w", b"a/b/w"), ("a/w", b"a/w"), ("w", b"w")]


@pytest.mark.parametrize("place", ["link", "a/link", "a/b/link"])
@pytest.mark.parametrize("target", [".", "w", "/etc", "/etc/passwd", "nowhere"])
def test_a_folder_with_a_link_is_refused(root: Path, place: str, target: str) -> None:
    (root / place).symlink_to(target)
    with pytest.raises(Refused, match=f"'{place}' in it is a symbolic link") as caught:
        walked(root)
    assert caught.value.code == "E_UNSAFE"


def test_a_folder_with_a_pipe_too_many_files_or_too_deep_ones(root: Path) -> None:
    with pytest.raises(Refused, match="holds more than 4 files and folders") as caught:
        walked(root, most=4)
    assert caught.value.code == "E_SIZE"
    assert len(walked(root, most=5)) == 3
    os.mkfifo(root / "a" / "pipe")
    with pytest.raises(Refused, match="'a/pipe' in it is a FIFO") as caught:
        walked(root)
    assert caught.value.code == "E_FILE"
    (root / "a" / "pipe").unlink()
    (root / "/".join("d" * (DEEPEST + 1))).mkdir(parents=True)
    with pytest.raises(Refused, match="deeper than"):
        walked(root, most=1000)


# -- what the owner names ---------------------------------------------------------------------------------------


def test_what_the_owner_names_may_be_a_link(root: Path) -> None:
    (root / "link").symlink_to("../secret")
    assert content(open_regular(str(root / "link"))) == b"secret"
    with pytest.raises(Refused, match="holds a NUL"):
        open_regular("a\0b")
    with pytest.raises(FileNotFoundError):
        open_regular(str(root / "absent"))
