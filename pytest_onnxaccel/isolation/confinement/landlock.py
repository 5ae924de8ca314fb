"""Linux's Landlock by its three system calls: what a process may open from now on, it and all that it starts.

A rule is a path and what may be done beneath it; what no rule names is refused. Nothing takes that back: a second call
can only take away more. Descriptors that are open already stay usable. It holds for the thread that asks and for every
thread and process that this starts later, so a worker asks before anything of it has threads.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache

from pytest_onnxaccel.isolation.confinement.syscalls import no_new_privileges, system_call

#: System calls; the same numbers on every processor.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE, _READ, _LIST, _REMOVE_FOLDER, _REMOVE = (1 << bit for bit in range(6))
_MAKE_FOLDER, _MAKE_FILE = 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
#: What exists only from a version of the interface on; the thirteen others are as old as Landlock.
_SINCE = {_REFER: 2, _TRUNCATE: 3, _IOCTL: 5}
#: What can be allowed of something that is not a folder.
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL

#: Libraries and programs: read, list, and start.
USE = _READ | _LIST | _EXECUTE
#: Models of others: read and list.
LOOK = _READ | _LIST
#: A device, or /dev/shm.
DEVICE = _READ | _LIST | _WRITE | _TRUNCATE | _IOCTL | _MAKE_FILE | _REMOVE
#: A folder of one's own. No program is started from it, and it gets no link, pipe, socket or device, so that the
#: process that reads it later opens what it thinks.
OWN = _READ | _LIST | _WRITE | _TRUNCATE | _REFER | _MAKE_FILE | _MAKE_FOLDER | _REMOVE | _REMOVE_FOLDER

#: TCP: to listen, and to connect (from version 4 on).
_TCP = 0b11
#: Abstract sockets, and signals, of processes outside (from version 6 on).
_SCOPES = 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


@cache
def version() -> int:
    """Return the version of Landlock's interface (ABI) in the running kernel; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    try:
        return system_call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    except (OSError, AttributeError):
        return 0


def restrict(rules: Iterable[tuple[str, int]], again: bool = False) -> None:
    """Allow this thread, and what it starts, nothing of the file system but *rules*, and no TCP.

    Args:
        rules: path, and what may be done there and beneath: :data:`USE`, :data:`LOOK`, :data:`DEVICE` or :data:`OWN`.
            A path that does not exist allows nothing.
        again: this process was restricted before and keeps its scope for signals.

    Raises:
        OSError: the kernel refuses.
    """
    known = version()
    handled = sum(1 << bit for bit in range(13)) | sum(right for right, since in _SINCE.items() if known >= since)
    attributes = _Ruleset(handled, _TCP if known >= 4 else 0, _SCOPES if known >= 6 and not again else 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    ruleset = system_call(_CREATE, ctypes.byref(attributes), size, ctypes.c_uint32(0))
    try:
        for path, allowed in rules:
            _allow(ruleset, path, allowed & handled)
        no_new_privileges()
        system_call(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, allowed: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (OSError, ValueError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            allowed &= _OF_FILES
        rule = _Beneath(allowed, place)
        # What has no place in the file system, such as a pipe, needs no rule
        with suppress(OSError):
            system_call(
                _ADD, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0)
            )
    finally:
        os.close(place)
