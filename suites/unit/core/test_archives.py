"""Archives with too many members, seen before they are parsed."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile

import pytest

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.files import archives
from pytest_onnxaccel.core.files.archives import opened_zip


def archive(members: int, comment: bytes = b"") -> io.BytesIO:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for number in range(members):
            file.writestr(f"m/{number}", b"")
        file.comment = comment
    return made


def refused(file: io.BytesIO) -> str:
    with pytest.raises(ModelError) as caught, opened_zip(file):
        pass
    assert caught.value.code == "E_SIZE"
    return caught.value.cause


@pytest.mark.parametrize("comment", [b"", b"a comment", b"x" * 60_000])
def test_an_archive_is_opened_and_read(comment: bytes) -> None:
    file = archive(3, comment)
    with opened_zip(file) as opened:
        assert opened.namelist() == ["m/0", "m/1", "m/2"]
        assert opened.read("m/1") == b""
        assert opened.testzip() is None
    assert not file.closed


def test_a_member_larger_than_any_directory_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_LARGEST_DIRECTORY", 100_000)
    file = archive(1)
    with zipfile.ZipFile(file, "a") as more:
        more.writestr("large", bytes(1 << 20))
    with opened_zip(file) as opened:
        assert opened.read("large") == bytes(1 << 20)


def test_more_members_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 10)
    with opened_zip(archive(10)):
        pass
    assert "is an archive of more than 10 members" in refused(archive(11))


def crowded(members: int) -> io.BytesIO:
    """A small file and a directory of *members* entries, without the time that writing them one by one takes."""
    one = archive(1).getvalue()
    start = one.index(b"PK\x01\x02")
    entry, end = one[start : one.index(b"PK\x05\x06")], one.index(b"PK\x05\x06")
    directory = entry * members
    # Too many for the two bytes of a count, which zipfile does not look at
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFE, 0xFFFE, len(directory), start, 0)
    assert len(one[end:]) == len(last)
    return io.BytesIO(one[:start] + directory + last)


def test_a_directory_of_a_million_members_is_not_even_read() -> None:
    file = crowded(1_000_000)
    tracemalloc.start()
    try:
        refused(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 << 20, "its members were parsed"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and nothing else", b"PK\x05\x06" + bytes(10)])
def test_what_is_no_archive_is_zipfiles_to_say(content: bytes) -> None:
    with pytest.raises(zipfile.BadZipFile), opened_zip(io.BytesIO(content)):
        pass
