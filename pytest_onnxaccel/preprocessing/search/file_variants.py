"""Files that decoders treat otherwise: turned by EXIF, grey, with palette or alpha, 16 bits, subsampled, CMYK."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.preprocessing.inputs.domain import Domain
from pytest_onnxaccel.preprocessing.inputs.forms import ENCODED, Raw, file_of
from pytest_onnxaccel.strategies.programs import ImageProgram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Height and width of the files.
SIZE = (40, 56)
#: The EXIF tag that says how an image is turned.
ORIENTATION = 0x0112


def variants(inputs: Any, domain: Domain) -> Iterator[tuple[str, str, Raw]]:
    """Yield what such a file is in words, the kind of a difference on it, and the sample."""
    if inputs not in ENCODED or domain.channels not in (None, 3):
        return
    from PIL import Image

    height, width = domain.near(SIZE)
    picture = Image.fromarray(ImageProgram(height, width, 3, pattern="photo", seed=9).render())
    for turn in (1, 3, 6, 8, 2, 5):
        exif = Image.Exif()
        exif[ORIENTATION] = turn
        words = f"a JPEG whose EXIF orientation is {turn}"
        yield words, "orientation" if turn != 1 else "decoder", _handed(picture, inputs, "JPEG", words, exif=exif)
    kinds: list[tuple[str, Any, str, dict[str, Any]]] = [
        ("a JPEG with subsampled colours", picture, "JPEG", {"subsampling": 2, "quality": 85}),
        ("a JPEG without subsampling", picture, "JPEG", {"subsampling": 0, "quality": 95}),
        ("a progressive JPEG", picture, "JPEG", {"progressive": True, "quality": 80}),
        ("a grey JPEG", picture.convert("L"), "JPEG", {}),
    ]
    if inputs != "jpeg":
        clear = picture.convert("RGBA")
        clear.putalpha(picture.convert("L"))
        kinds += [
            ("a PNG with a palette", picture.quantize(32), "PNG", {}),
            ("a grey PNG", picture.convert("L"), "PNG", {}),
            ("a PNG with alpha", clear, "PNG", {}),
        ]
    for words, image, kind, settings in kinds:
        yield words, "decoder", _handed(image, inputs, kind, words, **settings)


def _handed(image: Any, inputs: str, kind: str, words: str, **settings: Any) -> Raw:
    from PIL import Image

    target = io.BytesIO()
    image.save(target, kind, **settings)
    content = target.getvalue()
    if inputs == "pil":
        opened = Image.open(io.BytesIO(content))
        opened.load()
        return Raw(opened, words)
    if inputs == "path":
        name = "".join(c if c.isalnum() else "-" for c in words)
        return Raw(file_of(content, f"{name}.{'jpg' if kind == 'JPEG' else 'png'}"), words)
    return Raw(content, words)
