"""System calls of Linux that Python does not offer, and rights that a process gives up for good."""

from __future__ import annotations

import ctypes
import os
from functools import cache

_SET_NO_NEW_PRIVS = 38
#: ``capset`` by machine, and the form of its arguments.
_CAPSET = {"x86_64": 126, "aarch64": 91, "riscv64": 91}
_FORM = 0x20080522
#: To open files in spite of their mode, as root is used to: where they lie is Landlock's to say.
_KEPT = 1 << 1


@cache
def libc() -> ctypes.CDLL:
    """Return the C library of this process."""
    found = ctypes.CDLL(None, use_errno=True)
    found.syscall.restype = ctypes.c_long
    return found


def system_call(number: int, *arguments: object) -> int:
    """Return what the system call answers.

    Raises:
        OSError: it failed.
    """
    done = int(libc().syscall(ctypes.c_long(number), *arguments))
    if done < 0:
        raise _error()
    return done


def no_new_privileges() -> None:
    """Keep programs that this process starts from gaining rights, for example by set-user-id.

    Raises:
        OSError: the system does not know that.
    """
    if libc().prctl(_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))):
        raise _error()


def drop_capabilities() -> None:
    """Give up what root may do beyond other users: to look into other processes, for one.

    Raises:
        OSError: the kernel refuses.
    """
    number = _CAPSET.get(os.uname().machine)
    if number is None:
        return
    header = (ctypes.c_uint32 * 2)(_FORM, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then their upper halves
    sizes = ctypes.sizeof(header), ctypes.sizeof(sets)
    assert sizes == (8, 24)
    system_call(number - 1, ctypes.byref(header), ctypes.byref(sets))  # capget
    sets[0], sets[1], sets[2] = sets[0] & _KEPT, sets[1] & _KEPT, 0
    sets[3] = sets[4] = sets[5] = 0
    system_call(number, ctypes.byref(header), ctypes.byref(sets))


def _error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))
