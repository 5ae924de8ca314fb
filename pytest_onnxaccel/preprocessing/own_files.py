"""A user's own samples by a glob of files, as a marker or the manifest names them."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.numerics.sampling.images import load_images

#: Files that are taken, the first ones by name.
MOST = 50


def samples(pattern: str, folder: Path, inputs: Any = None) -> list[Any]:
    """Return the files that *pattern* names below *folder*, as the functions take them.

    Args:
        pattern: a glob; ``.npy`` files are arrays, all else are images.
        inputs: as for ``compare``: ``"path"`` gives paths, ``"bytes"`` and ``"jpeg"`` the files' bytes, ``"pil"``
            images of PIL, ``"text"`` texts; else arrays, H x W x 3.

    Raises:
        ConfigError: nothing matches, or a file cannot be read.
    """
    paths = sorted(Path(found) for found in glob.glob(os.path.join(folder, pattern), recursive=True))
    paths = [path for path in paths if path.is_file()][:MOST]
    if not paths:
        raise ConfigError(f"images: {pattern!r} matches no file", remedy="a glob starts from pytest's rootdir")
    if inputs == "path":
        return paths
    try:
        if inputs in ("bytes", "jpeg"):
            return [path.read_bytes() for path in paths]
        if inputs == "text":
            return [path.read_text(encoding="utf-8") for path in paths]
        if inputs == "pil":
            from PIL import Image

            return [Image.open(path).copy() for path in paths]
        if all(path.suffix == ".npy" for path in paths):
            return [np.load(path, allow_pickle=False) for path in paths]
    except (OSError, ValueError) as error:
        raise ConfigError(f"images: {pattern!r}: {error}", remedy="remove the file, or name others") from None
    return [np.asarray(image) for path in paths for image in load_images(glob.escape(str(path)), "images")]
