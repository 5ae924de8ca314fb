"""Is a preprocessing function an affine normalisation? Found out by calling it, never by reading it.

Affine means: ``result[..., c] = (image[..., source[c]] - mean[c]) / std[c]``, with the channels in any order, channels
first or last, with or without a batch axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Where a result holds height, width and channels: axes to move a result to H x W x C.
ARRANGEMENTS: dict[str, tuple[int, ...]] = {
    "HWC": (0, 1, 2),
    "CHW": (1, 2, 0),
    "NHWC": (1, 2, 3),
    "NCHW": (2, 3, 1),
}

#: Most that the function may differ from the affine one, relative to its largest value.
_ERROR = {"float64": 1e-9, "float32": 2e-6}


@record(frozen=True)
class Affine:
    """What the function computes.

    Attributes:
        mean, std: by channel of the result.
        source: channel of the image that each channel of the result is made of.
        arrangement: one of :data:`ARRANGEMENTS`.
        dtype: of the result: ``float32`` or ``float64``.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: tuple[int, ...]
    arrangement: str
    dtype: str

    @property
    def uniform(self) -> bool:
        """All channels are treated alike."""
        return len(set(self.mean)) == len(set(self.std)) == 1

    @property
    def planes(self) -> bool:
        """Channels come first."""
        return self.arrangement.endswith("CHW")

    @property
    def batched(self) -> bool:
        return self.arrangement.startswith("N")

    @property
    def order(self) -> str:
        """``same``, ``reversed``, or ``other``."""
        straight = tuple(range(len(self.source)))
        return "same" if self.source == straight else "reversed" if self.source == straight[::-1] else "other"

    def __str__(self) -> str:
        mean, std = (", ".join(f"{v:.7g}" for v in ((vs[0],) if self.uniform else vs)) for vs in (self.mean, self.std))
        swapped = "" if self.order == "same" else f", channels {list(self.source)}"
        return f"(image - [{mean}]) / [{std}]{swapped}, {self.arrangement} {self.dtype}"


def detect(function: Callable[[Any], Any], shape: tuple[int, ...]) -> Affine | str:
    """Return the affine normalisation that *function* is on images of *shape*, or in words why it is none."""
    import numpy as np

    if len(shape) != 3:
        return f"images of shape {shape} have no channels"
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, shape, np.uint8)
    noise.reshape(-1)[: min(noise.size, 256)] = np.arange(min(noise.size, 256))
    try:
        result = np.asarray(function(noise.copy()))
    except Exception as error:
        return f"the function raises {type(error).__name__} on an image of shape {shape}"
    if str(result.dtype) not in _ERROR:
        return f"the result is {result.dtype}, not float32 or float64"
    reasons = []
    for arrangement in _fitting(result.shape, shape):
        found = _fit(function, shape, arrangement, str(result.dtype))
        if isinstance(found, Affine) and (reason := _disagreement(found, noise, result)):
            found = reason
        if isinstance(found, Affine):
            return found
        reasons.append(found)
    return reasons[0] if reasons else f"the result has shape {result.shape}: not the image's height, width and channels"


def _fitting(result: tuple[int, ...], shape: tuple[int, ...]) -> list[str]:
    """Return arrangements by which a result of this shape can hold an image of *shape*."""
    found = []
    for name, axes in ARRANGEMENTS.items():
        if len(result) == len(name) and tuple(result[axis] for axis in axes) == shape:
            found += [name] if len(name) == 3 or result[0] == 1 else []
    return found


def arranged(result: Array, arrangement: str) -> Array:
    """Return *result* as H x W x C."""
    single = result[0] if arrangement.startswith("N") else result
    return single.transpose(1, 2, 0) if arrangement.endswith("CHW") else single


def _fit(function: Callable[[Any], Any], shape: tuple[int, ...], arrangement: str, dtype: str) -> Affine | str:
    """Return offsets from a black image, slopes from one white channel at a time."""
    import numpy as np

    def corner(image: Array) -> Array:
        values: Array = arranged(np.asarray(function(image)), arrangement)[0, 0].astype(np.float64)
        return values

    try:
        black = corner(np.zeros(shape, np.uint8))
        slopes = []
        for channel in range(shape[2]):
            image = np.zeros(shape, np.uint8)
            image[..., channel] = 255
            slopes.append((corner(image) - black) / 255)
    except Exception as error:
        return f"the function raises {type(error).__name__} on a black image"
    matrix = np.array(slopes)  # input channel x output channel
    small = np.abs(matrix).max() * 1e-6
    source, mean, std = [], [], []
    for column in range(shape[2]):
        active = np.flatnonzero(np.abs(matrix[:, column]) > small)
        if len(active) != 1:
            return f"channel {column} of the result is made of {len(active)} channels of the image"
        slope = float(matrix[active[0], column])
        source.append(int(active[0]))
        std.append(rounded(1 / slope))
        mean.append(rounded(-float(black[column]) / slope) + 0.0)
    return Affine(tuple(mean), tuple(std), tuple(source), arrangement, dtype)


def rounded(value: float) -> float:
    """Round *value* to as few digits as float32's error allows: 127.00000211 was meant to be 127."""
    for digits in range(1, 9):
        short = float(f"{value:.{digits}g}")
        if abs(short - value) <= 5e-7 * abs(value):
            return short
    return value


def _disagreement(affine: Affine, image: np.ndarray[Any, Any], result: Array) -> str:
    """Return why *result* is not what *affine* makes of *image*; empty when it is."""
    import numpy as np

    expected = (image[..., list(affine.source)] - np.array(affine.mean)) / np.array(affine.std)
    actual = arranged(result, affine.arrangement)
    largest = float(np.abs(expected).max()) or 1.0
    error = float(np.abs(actual - expected).max()) / largest
    # float64 results are probed exactly, but means such as 0.485 * 255 are rounded to what float32 can tell
    if error <= max(_ERROR[affine.dtype], 2e-6):
        return ""
    return f"a random image is {error:.1e} of the range away from the straight line through black and white"
