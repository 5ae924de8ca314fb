"""What was converted once is not converted again: a cache by content. Standard library only.

An entry is a folder ``conversions/<key>`` with the files and ``entry.json``, which holds their checksums. It is written
under another name, synced and renamed, so that it is there whole or not at all, and every read is verified against its
checksums. Whatever is wrong with the cache is one notice, never a failed run: the conversion is then done again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_onnxaccel.convert.cache.locks import acquire
from pytest_onnxaccel.convert.cache.pruning import ROOM, lock_of, prune, remove
from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.core.files.beneath import Refused, open_beneath, open_folder, split

_ENTRY = "entry.json"
#: Part of every key: what an entry looks like.
_FORMAT = 1
_CHUNK = 1 << 20
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class BadEntry(Exception):
    """An entry that is not what was stored, and why."""


def key_of(**facts: Any) -> str:
    """Return the key of a conversion with these JSON *facts*: source bytes, converter, versions, options."""
    text = json.dumps({"format": _FORMAT, **facts}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """Conversions in *folder*, shared by every run of a user.

    Args:
        patience: seconds to wait for another run that builds the same entry.
        room: bytes that all entries may take; beyond, those used least recently go.

    Attributes:
        notices: what was wrong with the cache, each said once.
    """

    def __init__(self, folder: str, patience: float = 600.0, room: int = ROOM) -> None:
        self._folder = folder
        self._room = room
        self._patience = patience
        self.notices: list[str] = []

    def fetch(self, key: str, target: str) -> dict[str, Any] | None:
        """Copy the files of entry *key* into the folder *target* and return what was stored with them.

        None when there is no such entry, or none that is whole; that one is removed.
        """
        path = os.path.join(self._folder, key)
        try:
            if not os.path.lexists(path):
                return None
            made = _read(path, key, target)
            with contextlib.suppress(OSError):
                os.utime(path)  # the time of its last use
            return made
        except (BadEntry, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                self._without(error)  # there is no room for the copy, which says nothing of the entry
                _empty(target)
                return None
            self._say(
                f"conversion cache: entry {key[:12]} is bad ({printable(str(error), 120)}); it is converted again"
            )
            _empty(target)
            remove(path)
            return None

    def store(self, key: str, source: str, made: Mapping[str, Any]) -> bool:
        """Keep the files of the folder *source* and the JSON *made* under *key*; whether that was possible.

        Then what has not been used for long, or has no room any more, is removed.
        """
        path = os.path.join(self._folder, key)
        temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            _write(source, temporary, key, made)
            if os.path.lexists(path):
                remove(path)
            os.rename(temporary, path)
            _sync(self._folder)
        except (OSError, shutil.Error) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            self._without(error)
            return False
        with contextlib.suppress(OSError):
            prune(self._folder, self._room, time.time())
        return True

    @contextlib.contextmanager
    def building(self, key: str) -> Iterator[None]:
        """Lock entry *key* while it is built: a second builder waits, and then finds it."""
        handle = self._lock(key)
        try:
            yield
        finally:
            if handle is not None:
                os.close(handle)  # which frees it; a process that dies frees it too

    def _lock(self, key: str) -> int | None:
        try:
            return acquire(lock_of(self._folder, key), self._patience)
        except OSError as error:
            self._without(error)
            return None

    def _without(self, error: Exception) -> None:
        why = getattr(error, "strerror", None) or str(error)
        self._say(f"conversion cache: {self._folder} cannot be used ({printable(why, 120)}); conversions are not kept")

    def _say(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)


def _read(path: str, key: str, target: str) -> dict[str, Any]:
    """Copy and verify the entry at *path*.

    Raises:
        BadEntry, OSError: it is not what was stored.
    """
    if os.path.islink(path) or not os.path.isdir(path):
        raise BadEntry("it is not a folder")
    entry = json.loads(_content(os.path.join(path, _ENTRY)))
    seal = entry.pop("seal")
    if seal != _seal(entry) or entry["key"] != key:
        raise BadEntry("its description is not what was written")
    for name, (sha256, size) in entry["files"].items():
        try:
            place = os.path.join(target, *split(name))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with _beneath(path, name) as handle:
                copied = _copied(handle, place)
        except Refused as refused:
            raise BadEntry(f"{name!r} {refused.cause}") from None
        if copied != (sha256, size):
            raise BadEntry(f"{name!r} is not what was written")
    made: dict[str, Any] = entry["made"]
    return made


def _write(source: str, folder: str, key: str, made: Mapping[str, Any]) -> None:
    """Make the entry in *folder*, synced to the disk."""
    os.makedirs(folder, mode=0o700)
    files = {}
    for inside, _, names in os.walk(source):
        for name in names:
            relative = os.path.relpath(os.path.join(inside, name), source)
            place = os.path.join(folder, relative)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            files[relative] = list(_copy(os.path.join(source, relative), place))
    entry: dict[str, Any] = {"key": key, "files": files, "made": dict(made)}
    with open(os.path.join(folder, _ENTRY), "x", encoding="utf-8") as file:
        json.dump({**entry, "seal": _seal(entry)}, file)
        file.flush()
        os.fsync(file.fileno())
    _sync(folder)


def _seal(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def _content(path: str) -> bytes:
    with _opened(path) as handle:
        return b"".join(iter(lambda: os.read(handle, _CHUNK), b""))


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    """Open the regular file at *path*; a link or a FIFO is refused."""
    handle = os.open(path, _READ)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise BadEntry(f"{os.path.basename(path)!r} is not a regular file")
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _beneath(path: str, name: str) -> Iterator[int]:
    """Open the file *name* of the entry at *path*."""
    folder = open_folder(path)
    try:
        handle = open_beneath(folder, name)
    finally:
        os.close(folder)
    try:
        yield handle
    finally:
        os.close(handle)


def _copy(source: str, target: str) -> tuple[str, int]:
    """Copy a regular file, synced to the disk: its SHA-256 and its size."""
    with _opened(source) as handle:
        return _copied(handle, target, sync=True)


def _copied(handle: int, target: str, sync: bool = False) -> tuple[str, int]:
    """Copy what is open as *handle*: its SHA-256 and its size."""
    digest, size = hashlib.sha256(), 0
    with open(target, "wb") as file:
        while chunk := os.read(handle, _CHUNK):
            digest.update(chunk)
            file.write(chunk)
            size += len(chunk)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    return digest.hexdigest(), size


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _empty(folder: str) -> None:
    """Remove what a broken read has left in *folder*."""
    for entry in list(os.scandir(folder)) if os.path.isdir(folder) else []:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.unlink(entry.path)
