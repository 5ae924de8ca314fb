"""What leaves the conversion cache: entries unused for long, then those used least recently until the rest has room.

The time of use is the modification time of an entry's folder, which every read sets. An entry goes only under its own
lock, so never while a run builds or reads it. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Sequence

from pytest_onnxaccel.convert.cache.locks import acquire
from pytest_onnxaccel.core.frozen import record

#: Seconds after its last use at which an entry goes.
UNUSED = 90 * 86400
#: Bytes that all entries together may take, where the user names no other size.
ROOM = 20 * 10**9
#: Seconds after which a half-written entry belongs to a run that was killed.
LEFT = 86400

_KEY = re.compile(r"[0-9a-f]{64}")
_HALF = re.compile(r"[0-9a-f]{64}\.[0-9]+-[0-9a-f]+\.(tmp|bad)")


@record(frozen=True)
class Entry:
    """An entry as it was found.

    Attributes:
        used: when it was last used, in seconds since the epoch.
        size: of its files, in bytes.
    """

    key: str
    used: float
    size: int


def doomed(entries: Sequence[Entry], room: int, now: float) -> list[Entry]:
    """Return those of *entries* that are to go.

    Unused at *now* for :data:`UNUSED`, or beyond *room*, the oldest use first.
    """
    gone: list[Entry] = []
    size = sum(entry.size for entry in entries)
    for entry in sorted(entries, key=lambda entry: entry.used):
        if now - entry.used <= UNUSED and size <= room:
            break
        gone.append(entry)
        size -= entry.size
    return gone


def prune(folder: str, room: int, now: float) -> None:
    """Remove from the cache in *folder* what :func:`doomed` names, and what killed runs have left.

    Everything else in the folder stays.

    Raises:
        OSError: the folder cannot be read.
    """
    for entry in doomed(_entries(folder), room, now):
        with contextlib.suppress(OSError):  # somebody uses it
            _drop(folder, entry)
    for item in _listed(folder):
        if _HALF.fullmatch(item.name) and now - item.stat(follow_symlinks=False).st_mtime > LEFT:
            shutil.rmtree(item.path, ignore_errors=True)
    for item in _listed(os.path.join(folder, "locks")):
        key = item.name.removesuffix(".lock")
        if not _KEY.fullmatch(key) or os.path.lexists(os.path.join(folder, key)):
            continue
        with contextlib.suppress(OSError):
            _drop_lock(folder, key)


def lock_of(folder: str, key: str) -> str:
    """Return the path of the lock of entry *key* of the cache in *folder*."""
    return os.path.join(folder, "locks", f"{key}.lock")


def remove(path: str) -> None:
    """Remove what is at *path*: at once for those who look, as fast as it goes for the disk."""
    aside = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.bad"
    with contextlib.suppress(OSError):
        os.rename(path, aside)  # a symlink goes itself, not what it leads to
        if os.path.islink(aside) or not os.path.isdir(aside):
            os.unlink(aside)
        else:
            shutil.rmtree(aside, ignore_errors=True)


def _drop(folder: str, entry: Entry) -> None:
    path = os.path.join(folder, entry.key)
    handle = acquire(lock_of(folder, entry.key), 0)
    try:
        if os.lstat(path).st_mtime == entry.used:  # else a run has used it since
            remove(path)
    finally:
        os.close(handle)


def _drop_lock(folder: str, key: str) -> None:
    """Remove the lock of an entry that is not there, unless somebody is just building it."""
    handle = acquire(lock_of(folder, key), 0)
    try:
        if not os.path.lexists(os.path.join(folder, key)):
            os.unlink(lock_of(folder, key))
    finally:
        os.close(handle)


def _entries(folder: str) -> list[Entry]:
    found = []
    for item in _listed(folder):
        if _KEY.fullmatch(item.name) and item.is_dir(follow_symlinks=False):
            with contextlib.suppress(FileNotFoundError):  # another run has just removed it
                used = item.stat(follow_symlinks=False).st_mtime
                found.append(Entry(item.name, used, _size(item.path)))
    return found


def _size(folder: str) -> int:
    return sum(os.lstat(os.path.join(inside, name)).st_size for inside, _, names in os.walk(folder) for name in names)


def _listed(folder: str) -> list[os.DirEntry[str]]:
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as items:
        return list(items)
    return []
