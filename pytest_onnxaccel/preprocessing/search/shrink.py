"""Makes a failing image smaller while it still fails: fewer pixels, plainer memory, then plainer values."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.preprocessing.inputs.domain import Domain
from pytest_onnxaccel.strategies.programs import LAYOUTS, lay_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Most tries, and most seconds: a large image of a slow function is worth no more.
TRIES = 400
SECONDS = 1.0


class Shrinker:
    """Greedy: each step that still fails is kept. *fails* takes an image as the functions would get it."""

    def __init__(self, fails: Callable[[Array], bool], domain: Domain) -> None:
        self._fails, self._domain = fails, domain
        self._layout = "C"
        self._tries = 0
        self._end = time.perf_counter() + SECONDS

    def shrink(self, image: Array) -> Array:
        """Return the smallest image found; *image* itself where even its plain copies do not fail."""
        best = np.array(image, order="C")
        for layout in LAYOUTS:
            self._layout = layout
            if self._still(best):
                break
        else:
            return image
        best = self._crop(best)
        best = self._plainer(best)
        best = self._crop(best)
        return lay_out(best, self._layout)

    def _still(self, image: Array) -> bool:
        if self._tries >= TRIES or time.perf_counter() > self._end:
            return False
        self._tries += 1
        return self._fails(lay_out(image, self._layout))

    def _crop(self, image: Array) -> Array:
        for height, width in self._tiny(image):
            for part in _corners(image, height, width):
                if self._still(part):
                    return part
        shrunk = True
        while shrunk:
            shrunk = False
            for part in self._parts(image):
                if self._still(part):
                    image, shrunk = part, True
                    break
        return image

    def _tiny(self, image: Array) -> Iterator[tuple[int, int]]:
        """Yield the smallest legal sizes inside *image*, smallest first."""
        height, width = image.shape[:2]
        sizes = self._domain.sizes or ((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1), (3, 3), (4, 4))
        yield from [(h, w) for h, w in sizes if h <= height and w <= width and (h, w) != (height, width)][:12]

    def _parts(self, image: Array) -> Iterator[Array]:
        """Yield halves, then one row or column less."""
        if self._domain.sizes is not None:
            return
        height, width = image.shape[:2]
        for cut in dict.fromkeys((height // 2, height - 1)):
            if 0 < cut < height:
                yield image[:cut]
                yield image[height - cut :]
        for cut in dict.fromkeys((width // 2, width - 1)):
            if 0 < cut < width:
                yield image[:, :cut]
                yield image[:, width - cut :]

    def _plainer(self, image: Array) -> Array:
        zero = np.zeros_like(image)
        flat = image.reshape(-1)
        pixel = np.zeros_like(image) + image[:1, :1]
        for plain in (zero, np.full_like(image, flat[0]), pixel):
            if not np.array_equal(plain, image) and self._still(plain):
                image = plain
                break
        image = self._zeroed(image)
        return self._lowered(image)

    def _zeroed(self, image: Array) -> Array:
        """Set whole runs of elements to zero, in ever shorter runs."""
        run = image.size
        while run >= 1 and run * 64 >= image.size:
            for start in range(0, image.size, run):
                part = image.copy()
                part.reshape(-1)[start : start + run] = 0
                if not np.array_equal(part, image) and self._still(part):
                    image = part
            run //= 2
        return image

    def _lowered(self, image: Array) -> Array:
        """Return the few elements that are left, each as low as it goes."""
        where = np.flatnonzero(image)
        if image.dtype.kind not in "iu" or where.size > 8:
            return image
        for position in where:
            low, high = 0, int(image.reshape(-1)[position])
            while abs(high - low) > 1:
                middle = (low + high) // 2
                part = image.copy()
                part.reshape(-1)[position] = middle
                if self._still(part):
                    image, high = part, middle
                else:
                    low = middle
        return image


def _corners(image: Array, height: int, width: int) -> Iterator[Array]:
    """Yield parts of one size: the four corners and the middle, each once."""
    tall, wide = image.shape[0] - height, image.shape[1] - width
    places = [(0, 0), (tall, wide), (0, wide), (tall, 0), (tall // 2, wide // 2)]
    for y, x in dict.fromkeys(places):
        yield image[y : y + height, x : x + width]
