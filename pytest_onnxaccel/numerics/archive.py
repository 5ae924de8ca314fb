"""Arrays by name in one ``.npz`` file."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]


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
