"""Arrays in ``.npy`` and ``.npz`` files: read from whatever a repository holds, and written."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.files.archives import opened_zip
from pytest_onnxaccel.core.files.beneath import Refused, open_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]


#: Bytes that the arrays which are read of one file may take.
LARGEST = 4 << 30


def load_arrays(path: str, name: str) -> list[Array]:
    """Return the arrays of the file *path*, which the owner names; links are followed, and nothing is unpickled.

    Of a ``.npz``, those called *name* or ``name_0``, ``name_1`` ..., or all of them when it holds no such name.

    Raises:
        ModelError: ``E_INPUT``: it is not a regular file, or holds no arrays; ``E_SIZE``: they are too large, also
            when they are only so once they are unpacked.
        Exception: of many kinds, by what the bytes are.
    """
    try:
        handle = open_regular(path)
    except Refused as refused:
        raise ModelError(refused.cause, code="E_INPUT", remedy="give a .npy or .npz file") from None
    with os.fdopen(handle, "rb") as file:
        _refuse_large(os.fstat(handle).st_size)
        start = file.read(4)
        file.seek(0)
        if not start.startswith(b"PK"):
            return [np.load(file, allow_pickle=False)]
        with opened_zip(file) as archive:
            members = {item.filename.removesuffix(".npy"): item for item in archive.infolist()}
            wanted = _named(list(members), name)
            if not wanted:
                raise ModelError("holds no arrays", code="E_INPUT")
            # A member gives no more bytes than its entry says
            _refuse_large(sum(members[key].file_size for key in wanted))
            found: list[Array] = []
            for key in wanted:
                with archive.open(members[key]) as member:
                    found.append(np.lib.format.read_array(member, allow_pickle=False))
            return found


def _named(keys: list[str], name: str) -> list[str]:
    numbered = {key: key[len(name) + 1 :] for key in keys if key.startswith(f"{name}_")}
    found = [key for key in keys if key == name]
    found += sorted((key for key, n in numbered.items() if n.isdecimal()), key=lambda key: int(numbered[key]))
    return found or keys


def _refuse_large(size: int) -> None:
    if size > LARGEST:
        raise ModelError(
            f"holds arrays of {size / 1e9:.3g} GB, and the limit is {LARGEST / 1e9:.3g} GB",
            code="E_SIZE",
            remedy="save fewer or smaller samples",
        )


def write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write *arrays* so that ``numpy.load`` gives them by name without pickle.

    Takes any name, which ``numpy.savez`` does not. Types that NumPy cannot store become float32 (bfloat16 and the like,
    without loss) or fixed-width text.
    """
    with zipfile.ZipFile(path, "w") as archive:  # numbers of a network hardly compress
        for name, array in arrays.items():
            plain: Any = array
            if array.dtype.kind == "V":
                plain = array.astype(np.float32)
            elif array.dtype.hasobject:
                plain = array.astype(str)
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(plain), allow_pickle=False)
