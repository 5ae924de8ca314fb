"""Every file in a folder and its folders, opened one by one: no links, nothing special, not too much."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from pytest_onnxaccel.core.files.beneath import DEEPEST, LIST, NOFOLLOW, Refused, open_beneath


def walk(folder: int, most: int) -> Iterator[tuple[str, int]]:
    """Yield (path below *folder*, descriptor to read) of every file in it and its folders, in the order of the names.

    A descriptor is closed when the next one is asked for.

    Args:
        folder: opened to be listed.
        most: files and folders that it may hold.

    Raises:
        Refused: a link or something special is there, or too much; the path is named.
        OSError: something cannot be opened.
    """
    try:
        yield from _walk(folder, "", iter(range(most)), DEEPEST)
    except _TooMany:
        raise Refused(f"holds more than {most:,} files and folders", "give the model's own folder", "E_SIZE") from None


class _TooMany(Exception):
    """There is no room for one more."""


def _walk(folder: int, above: str, room: Iterator[int], depth: int) -> Iterator[tuple[str, int]]:
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            names.append(entry.name)
            if next(room, None) is None:
                raise _TooMany
    if not depth:
        raise Refused(f"holds folders deeper than {DEEPEST}", "give the model's own folder", "E_SIZE")
    for name in sorted(names):
        path = above + name
        try:
            inside = stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
            handle = os.open(name, LIST | NOFOLLOW, dir_fd=folder) if inside else open_beneath(folder, name)
        except Refused as refused:
            raise refused.of(f"{path!r} in it") from None
        try:
            if inside:
                yield from _walk(handle, f"{path}/", room, depth - 1)
            else:
                yield path, handle
        finally:
            os.close(handle)
