"""A corpus of reduced images: one ``.npz`` each, replayed before anything else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.preprocessing.inputs.domain import Domain
from pytest_onnxaccel.preprocessing.saved_case import memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def load(folder: Path, domain: Domain) -> Iterator[tuple[Path, Array]]:
    """Yield the images of *folder* that are legal in *domain*, by name, with the strides they were saved with.

    Raises:
        ConfigError: a file that is not an image of a corpus.
    """
    for path in sorted(folder.glob("*.npz")):
        try:
            with np.load(path, allow_pickle=False) as case:
                image = case["image"]
                if "memory" in case:
                    block, strides = case["memory"].copy(), tuple(int(n) for n in case["strides"])
                    image = np.ndarray(image.shape, image.dtype, block.data, int(case["offset"]), strides)
                    image.flags.writeable = bool(case["writeable"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is not an image of a corpus: {error}", remedy="remove the file") from None
        if image.shape[2:] == ((domain.channels,) if domain.channels is not None else ()) and (
            image.ndim >= 2 and image.dtype == domain.dtype and domain.legal(*image.shape[:2])
        ):
            yield path, image


def add(folder: Path, image: Array, kind: str) -> Path:
    """Save *image* under a name made of *kind* and its content; gives the path."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = repr((image.shape, image.strides, str(image.dtype), image.flags.writeable)).encode()
    digest = hashlib.sha256(facts + np.ascontiguousarray(image).tobytes()).hexdigest()[:12]
    path = folder / f"{kind}-{digest}.npz"
    np.savez(path, image=image, **memory(image))
    return path
