"""Ways to write a resize, a letterbox or a conversion of colours with OpenCV; what is shown is what is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pytest_onnxaccel.preprocessing.speed.rewrites import Rewrite

#: Interpolations of OpenCV, the quickest first.
HOW = ("INTER_NEAREST", "INTER_LINEAR", "INTER_AREA", "INTER_CUBIC", "INTER_LANCZOS4")
#: Conversions of three channels to three, and to one.
COLOURS = ("RGB2BGR", "RGB2YCrCb", "RGB2YUV", "RGB2HSV", "RGB2HLS", "RGB2Lab", "BGR2YCrCb", "BGR2YUV", "BGR2HSV")
GREYS = ("RGB2GRAY", "BGR2GRAY")

_HEAD = "import cv2\nimport numpy as np\n\n\ndef preprocess(image):\n    image = np.ascontiguousarray(image)\n"


def operations(function: Callable[[Any], Any], shape: tuple[int, ...]) -> Iterator[Rewrite]:
    """Yield what *function* may be on images of *shape*, by the size and type of its result; nothing is proven here."""
    import numpy as np

    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    try:
        result = np.asarray(function(image.copy()))
        flat = np.asarray(function(np.full(shape, 200, np.uint8)))
    except Exception:  # what raises on a random image cannot be rewritten
        return
    if result.dtype not in (np.uint8, np.float32) or result.ndim not in (2, 3):
        return
    cast = "" if result.dtype == np.uint8 else ".astype(np.float32)"
    if result.shape == shape and shape[-1] == 3:
        for code in COLOURS:
            yield _rewrite(f"cv2.{code}", f"    return cv2.cvtColor(image, cv2.COLOR_{code}){cast}\n")
    elif result.shape == shape[:2] and shape[-1] == 3:
        for code in GREYS:
            yield _rewrite(f"cv2.{code}", f"    return cv2.cvtColor(image, cv2.COLOR_{code}){cast}\n")
    elif result.ndim == 3 and result.shape[2] == shape[2]:
        yield from _resizes(result, cast)
        corner = float(flat[0, 0, 0])
        if result.shape[0] == result.shape[1] and corner != float(flat[result.shape[0] // 2, result.shape[1] // 2, 0]):
            yield from _letterboxes(result.shape[0], corner, cast)


def _resizes(result: Any, cast: str) -> Iterator[Rewrite]:
    size = f"({result.shape[1]}, {result.shape[0]})"
    for how in HOW:
        call = f"cv2.resize(image, {size}, interpolation=cv2.{how})"
        yield _rewrite(f"cv2 {how}", f"    return {call}{cast}\n")
        if cast:  # bytes are a quarter of the floats to move, but rounding then comes first
            floats = call.replace("(image,", "(image.astype(np.float32),")
            yield _rewrite(f"cv2 {how}, cast first", f"    return {floats}\n")


def _letterboxes(side: int, level: float, cast: str) -> Iterator[Rewrite]:
    for how in HOW[1:4]:
        yield _rewrite(
            f"cv2 letterbox, {how}",
            "    height, width = image.shape[:2]\n"
            f"    ratio = min({side} / height, {side} / width)\n"
            "    new = max(1, round(width * ratio)), max(1, round(height * ratio))\n"
            f"    top, left = ({side} - new[1]) // 2, ({side} - new[0]) // 2\n"
            f"    out = np.full(({side}, {side}, image.shape[2]), {level:g}, np.uint8)\n"
            "    # straight into its place: no second copy for the border\n"
            f"    place = out[top : top + new[1], left : left + new[0]]\n"
            f"    place[...] = cv2.resize(image, new, interpolation=cv2.{how})\n"
            f"    return out{cast}\n",
        )


def _rewrite(name: str, body: str) -> Rewrite:
    return Rewrite(name, _HEAD + body, ("cv2",))
