"""What functions are given: standard images as people have them (PIL, files, batches, signals, tables)."""

from __future__ import annotations

import atexit
import io
import shutil
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@record(frozen=True)
class Raw:
    """A sample that is handed over as it is; *words* say what it is."""

    value: Any
    words: str = ""


def pil(image: Array) -> Any:
    """Return *image* as a PIL image."""
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(image))


def encoded(image: Array, kind: str = "PNG") -> bytes:
    """Return *image* as the bytes of a file."""
    target = io.BytesIO()
    pil(image).save(target, kind, **({"quality": 92} if kind == "JPEG" else {"compress_level": 1}))
    return target.getvalue()


_FOLDER: list[Path] = []


def file_of(content: bytes, name: str = "image.png") -> str:
    """Write *content* to a file in a folder that ends with the process; gives its path."""
    if not _FOLDER:
        _FOLDER.append(Path(tempfile.mkdtemp(prefix="onnxaccel-images-")))
        atexit.register(shutil.rmtree, _FOLDER[0], ignore_errors=True)
    path = _FOLDER[0] / name
    path.write_bytes(content)
    return str(path)


def batch(image: Array, count: int = 3) -> Array:
    """Return N x H x W x C: *image*, the same upside down, one of one colour, and mirrored copies of these."""
    ones = [image, image[::-1], np.full_like(image, image.flat[0]), image[:, ::-1], image[::-1, ::-1]]
    return np.stack([ones[k % len(ones)] for k in range(count)])


def batches(count: int, channels: int | None) -> Callable[[Array], Array]:
    """Return what makes a batch of an image.

    Args:
        count: images of a batch; 1 for any number.
        channels: of an image. Where any number will do, there are not as many images: which axis holds which would show
            at no result.
    """
    many = count if count > 1 else 3 if channels != 3 else 4
    return lambda image: batch(image, many)


def several(image: Array) -> list[Array]:
    """Return a list of images of several sizes, *image* first."""
    height, width = image.shape[:2]
    return [image, np.ascontiguousarray(image[: max(1, height // 2)]), np.ascontiguousarray(image[:, : width // 2 + 1])]


def tabular(image: Array) -> Array:
    """Return N x F of a standard image N x 1 x F."""
    rows: Array = image[:, 0]
    return rows


def signal(image: Array) -> Array:
    """Return the one row of *image*."""
    row: Array = image[0]
    return row


#: By the name that ``inputs=`` gives: what makes a sample of an array, and the modules that it needs.
ADAPTERS: dict[str, tuple[Callable[[Array], Any] | None, str]] = {
    "array": (None, ""),
    "pil": (pil, "PIL"),
    "bytes": (encoded, "PIL"),
    "jpeg": (lambda image: encoded(image, "JPEG"), "PIL"),
    "path": (lambda image: file_of(encoded(image)), "PIL"),
    "batch": (batch, ""),
    "list": (several, ""),
    "table": (tabular, ""),
    "signal": (signal, ""),
    "yuv420": (None, ""),
    "text": (None, ""),
}

#: Samples that only images of bytes make.
ENCODED = ("pil", "bytes", "jpeg", "path")


def adapter(inputs: Any) -> Callable[[Array], Any] | None:
    """Return what makes a sample of an array; None where the array itself is handed over.

    Raises:
        ConfigError: the name is unknown, or PIL is needed and not installed.
    """
    if callable(inputs):
        made: Callable[[Array], Any] = inputs
        return made
    if not isinstance(inputs, str) or inputs not in ADAPTERS:
        raise ConfigError(
            f"inputs is {inputs!r}", remedy=f"give one of {', '.join(ADAPTERS)}, or a function of an array"
        )
    function, needs = ADAPTERS[inputs]
    if needs and find_spec(needs) is None:
        raise ConfigError(f'inputs="{inputs}" needs Pillow, which is not installed', remedy="pip install pillow")
    return function


def told(sample: Any) -> str:
    """Return what *sample* is, for ``inputs=``; empty where it is nothing that standard images can be made into."""
    if type(sample).__module__.startswith("PIL."):
        return "pil"
    if isinstance(sample, (bytes, bytearray)) and sample[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if isinstance(sample, (bytes, bytearray)) and sample[:4] == b"\x89PNG":
        return "bytes"
    if isinstance(sample, Path) and sample.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp", ".webp"):
        return "path"
    return ""
