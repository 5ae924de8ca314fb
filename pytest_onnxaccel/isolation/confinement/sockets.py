"""A filter of system calls (seccomp): no socket but to ask the kernel itself, on Linux on x86-64 and Arm.

Landlock stops TCP and nothing else of the network; this also stops UDP, and the sockets in the file system that daemons
listen at. Pairs of sockets between a process and its own children stay.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from functools import cache

from pytest_onnxaccel.isolation.confinement.syscalls import no_new_privileges, system_call

#: By machine: what the kernel calls it, and its numbers of ``seccomp`` and ``socket``.
_MACHINES = {"x86_64": (0xC000003E, 317, 41), "aarch64": (0xC00000B7, 277, 198)}
#: Opens sockets past any filter.
_IO_URING_SETUP = 425
_LOCAL, _NETLINK = 1, 16
_SET_FILTER, _ACTION_AVAILABLE = 1, 2
#: It holds for every thread there is, and the processor keeps its speculation: to hold that back would slow every
#: model down.
_FLAGS = 1 | 4

_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
#: Where the filter finds the call's number, the machine and the first argument.
_NUMBER, _MACHINE, _FIRST = 0, 4, 16


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.c_char_p))


def _machine() -> tuple[int, int, int] | None:
    if sys.platform != "linux" or sys.maxsize < 2**32:
        return None
    return _MACHINES.get(os.uname().machine)


@cache
def available() -> bool:
    """Return whether this system can refuse sockets."""
    found = _machine()
    if found is None:
        return False
    action = ctypes.c_uint32(_REFUSE)
    try:
        system_call(found[1], ctypes.c_uint(_ACTION_AVAILABLE), ctypes.c_uint(0), ctypes.byref(action))
    except (OSError, AttributeError):
        return False
    return True


def refuse_sockets(local: bool = False) -> None:
    """Refuse sockets to this process and what it starts; ``EACCES`` is what asking for one answers.

    Args:
        local: those of this machine stay, which drivers of accelerators open.

    Raises:
        OSError: the kernel refuses, or this machine is not known here.
    """
    found = _machine()
    if found is None:
        raise OSError(errno.ENOSYS, "no filter for this machine")
    machine, seccomp, socket = found
    refused, missing = _REFUSE | errno.EACCES, _REFUSE | errno.ENOSYS
    steps = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 0, 8, machine),  # programs of another kind, whose numbers mean other calls: refused
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 6, 0, 1 << 30),  # the x32 calls of x86-64
        (_EQUAL, 6, 0, _IO_URING_SETUP),
        (_EQUAL, 0, 3, socket),
        (_LOAD, 0, 0, _FIRST),
        (_EQUAL, 1, 0, _LOCAL if local else _NETLINK),
        (_EQUAL, 0, 1, _NETLINK),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, refused),
        (_RETURN, 0, 0, missing),
    ]
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    program = _Program(len(steps), code)
    no_new_privileges()
    system_call(seccomp, ctypes.c_uint(_SET_FILTER), ctypes.c_uint(_FLAGS), ctypes.byref(program))
