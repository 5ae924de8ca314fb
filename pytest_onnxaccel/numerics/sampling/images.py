"""Samples of an input from the user's images, through the user's preprocessing."""

from __future__ import annotations

import glob
import importlib.util
import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ModelError, printable
from pytest_onnxaccel.core.files.beneath import Refused, open_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Bytes of one image file.
LARGEST = 256 << 20
#: Images that are taken, the first ones by name: each costs a run of every backend.
MOST = 16


def load_images(pattern: str, name: str, preprocess: Callable[[Any], Any] | None = None) -> list[Array]:
    """Return one sample of input *name* per image that the glob *pattern* names, in the order of the names.

    Args:
        pattern: a glob of image files.
        name: the input, for messages.
        preprocess: takes an image (H x W x 3, uint8, RGB) and gives the sample; None to feed the image itself.

    Raises:
        ModelError: ``E_CONFIG``: nothing matches, or *preprocess* raises or gives no array; ``E_INPUT``: no decoder is
            installed; ``E_FILE``: an image cannot be read.
    """
    paths = sorted(path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path))[:MOST]
    if not paths:
        shown = os.path.join(os.path.basename(os.path.dirname(pattern)), os.path.basename(pattern))
        raise ModelError(
            f"images of input {name!r}: {shown!r} matches no file",
            code="E_CONFIG",
            remedy="a glob is relative to the manifest's folder",
        )
    decode = _decoder(name)
    return [_sample(path, name, decode, preprocess) for path in paths]


def _sample(
    path: str, name: str, decode: Callable[[bytes], Array | None], preprocess: Callable[[Any], Any] | None
) -> Array:
    shown = os.path.basename(path)
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"it is larger than {LARGEST >> 20} MB")
        image = decode(content)
    except Refused as refused:
        raise ModelError(f"image {shown} of input {name!r} {refused.cause}", code="E_FILE") from None
    except Exception as error:  # of many kinds, by what the bytes are
        raise ModelError(f"image {shown} of input {name!r}: {printable(str(error), 120)}", code="E_FILE") from None
    if image is None:
        raise ModelError(f"image {shown} of input {name!r} is not an image that OpenCV reads", code="E_FILE")
    if preprocess is None:
        return image
    try:
        made = preprocess(image)
    except Exception as error:  # of whoever wrote it
        raise ModelError(
            f"preprocess of input {name!r} raises {type(error).__name__} for {shown}: {printable(str(error), 120)}",
            code="E_CONFIG",
            remedy="it takes one image, H x W x 3, uint8, RGB",
        ) from None
    if not isinstance(made, np.ndarray) or made.dtype.kind == "O":
        raise ModelError(
            f"preprocess of input {name!r} gives {type(made).__name__} for {shown}",
            code="E_CONFIG",
            remedy="it must give a NumPy array of numbers",
        )
    return made


def _decoder(name: str) -> Callable[[bytes], Array | None]:
    """Decode bytes to H x W x 3 uint8 RGB, upright, by Pillow, else by OpenCV."""
    if importlib.util.find_spec("PIL") is not None:
        return _by_pillow
    if importlib.util.find_spec("cv2") is not None:
        return _by_opencv
    raise ModelError(
        f"images of input {name!r} need Pillow or OpenCV, and neither is installed",
        code="E_INPUT",
        remedy="python -m pip install pillow",
    )


def _by_pillow(content: bytes) -> Array:
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(content)) as image:
        return np.array(ImageOps.exif_transpose(image).convert("RGB"), np.uint8)


def _by_opencv(content: bytes) -> Array | None:
    import cv2

    found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return None if found is None else np.ascontiguousarray(found[..., ::-1])
