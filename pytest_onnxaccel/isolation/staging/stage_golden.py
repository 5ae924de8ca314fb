"""Takes golden data in: the files of its sets, copied to a private folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.files.beneath import Refused, list_beneath, open_beneath
from pytest_onnxaccel.golden import layout
from pytest_onnxaccel.golden.layout import wrong
from pytest_onnxaccel.isolation.staging.copying import SECONDS, Allowance, opened_folder, read_error
from pytest_onnxaccel.isolation.staging.stage_model import copy_named, open_named, refuse_foreign

#: Bytes of all files of one model's golden data, and their number.
LARGEST, MOST_FILES = 1 << 30, 2000


def stage_golden(path: str, folder: str, found: bool = False, seconds: float = SECONDS) -> tuple[list[str], str]:
    """Copy the golden data at *path*, a folder or a file that the owner names, to the new folder *folder*.

    The owner's path may be a link; what is in the folder that it names may not.

    Args:
        path: a folder or a file.
        folder: does not exist yet.
        found: nobody named it: of the folder, only ``test_data_set_*`` are taken.
        seconds: time limit.

    Returns:
        Paths of the copies below *folder*, and the one of them that was named where that was a file.

    Raises:
        ModelError: ``E_GOLDEN``, ``E_FILE``, ``E_UNSAFE``, ``E_SIZE``, ``E_TIMEOUT``, naming the file in *path*.
    """
    above, alone = path, ""
    if not os.path.isdir(path):
        above, alone = os.path.split(path)
        os.close(open_named(path, ""))
        if alone == layout.RECORD:
            alone = ""
        elif not alone.lower().endswith(layout.ALONE):
            kinds = ", ".join(layout.ALONE)
            raise wrong(f"is not a kind of file that holds inputs and outputs ({kinds})", remedy="see docs/golden.md")
    allowance = Allowance(LARGEST, MOST_FILES, seconds)
    copied = []
    os.mkdir(folder, 0o700)
    with opened_folder(above or ".", read_error, listed=True) as handle:
        for name in _named(handle, alone, found):
            owner = path if name == alone else ""
            _copy(handle, name, os.path.join(folder, *name.split("/")), allowance, owner)
            copied.append(name)
    return copied, alone


def _named(folder: int, alone: str, found: bool) -> Iterator[str]:
    """Yield paths below *folder* of the files to copy."""
    names = sorted(os.listdir(folder))
    if alone:
        yield alone
        if layout.pair_of(alone) in names:
            yield layout.pair_of(alone)
        return
    if layout.RECORD in names:
        yield from (name for name in (layout.RECORD, layout.ARRAYS) if name in names)
        return
    sets = [name for name in names if layout.is_set(name)]
    if not found and not sets:
        yield from (name for name in names if layout.wanted(name))
        return
    for name in sets:
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            yield from (f"{name}/{inner}" for inner in _listed(folder, name) if layout.wanted(inner))


def _listed(folder: int, name: str) -> list[str]:
    try:
        return list_beneath(folder, name)
    except Refused as refused:
        raise ModelError(refused.cause, code=refused.code, subject=name, remedy=refused.remedy) from None
    except OSError as error:
        raise read_error(error, name) from None


def _copy(folder: int, name: str, target: str, allowance: Allowance, owner: str) -> None:
    try:
        handle = open_named(owner, "") if owner else open_beneath(folder, name)
    except Refused as refused:
        raise ModelError(refused.cause, code=refused.code, subject=name, remedy=refused.remedy) from None
    except OSError as error:
        raise read_error(error, name) from None
    try:
        size = os.fstat(handle).st_size
        allowance.take(size)
        _, _, head = copy_named(handle, target, size, allowance)
        if not head.startswith(b"PK"):
            refuse_foreign(head)
    except ModelError as error:
        remedy = "run git lfs pull" if "LFS" in error.cause else "record it again, or correct the file"
        code = "E_GOLDEN" if error.code == "E_NOTMODEL" else error.code
        raise ModelError(error.cause, code=code, subject=name, remedy=remedy) from None
    finally:
        os.close(handle)
