"""Pictures of a preprocessing failure: image, reference, candidate and their difference, enlarged, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pytest_onnxaccel.core.results import Json
from pytest_onnxaccel.report.html.svg import BAD, INK, drawing, figure, svg
from pytest_onnxaccel.report.terminal.units import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_LARGEST = 1 << 16


def pictures(figures: Mapping[str, Json], count: int) -> Markup | None:
    """Return what a failed comparison of two functions keeps of its smallest image; None where it keeps nothing.

    Args:
        figures: of the check.
        count: number of the chart in its page.
    """
    kept = figures.get("pictures")
    if not isinstance(kept, Mapping):
        return None
    sides = {key: found for key in ("image", "reference", "candidate") if (found := _array(kept.get(key))) is not None}
    if not sides:
        return None
    import numpy as np

    panels: list[tuple[str, Array, str]] = [(key, _flat(array), "") for key, array in sides.items()]
    if "reference" in sides and "candidate" in sides and sides["reference"].shape == sides["candidate"].shape:
        apart = _planes(np.abs(sides["candidate"] - sides["reference"]))
        panels.append(("largest difference", apart.max(-1), "difference"))
    with drawing(count):
        drawn = figure(2.2 * len(panels), 2.5, top=0.35, right=0.6)
        for place, (title, values, kind) in enumerate(panels, 1):
            axes = drawn.add_subplot(1, len(panels), place)
            axes.grid(False)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_title(title, fontsize=10, color=INK)
            mesh = axes.imshow(values, interpolation="nearest", cmap="magma" if kind else "gray")
            if kind:
                worst = np.unravel_index(int(np.argmax(values)), values.shape)
                axes.plot([worst[1]], [worst[0]], marker="o", markersize=12, markerfacecolor="none", color=BAD)
                bar = drawn.colorbar(mesh, ax=axes, shrink=0.8)
                bar.outline.set_visible(False)
        return svg(drawn, "The smallest image that fails, what both functions make of it, and the difference")


def _array(kept: Json) -> Array | None:
    """Return one picture as floats; None for what is not one."""
    import numpy as np

    if not isinstance(kept, Mapping):
        return None
    shape, values = kept.get("shape"), kept.get("values")
    if not isinstance(shape, list) or not isinstance(values, list) or not 0 < len(values) <= _LARGEST:
        return None
    sizes = [size for size in shape if isinstance(size, int) and not isinstance(size, bool) and size > 0]
    numbers = [found if (found := number(value)) is not None else math.nan for value in values]
    if len(sizes) != len(shape) or not 0 < len(sizes) <= 8 or math.prod(sizes) != len(numbers):
        return None
    return np.nan_to_num(np.asarray(numbers, np.float64).reshape(sizes), posinf=0.0, neginf=0.0)


def _planes(array: Array) -> Array:
    """Return *array* as height, width and channels, whatever order it is in."""
    while array.ndim > 3:
        array = array[0]
    if array.ndim < 2:
        array = array.reshape(1, -1)
    if array.ndim == 2:
        return array[..., None]
    if array.shape[-1] not in (1, 2, 3, 4) and array.shape[0] in (1, 2, 3, 4):
        array = array.transpose(1, 2, 0)
    return array


def _flat(array: Array) -> Array:
    """Return what is drawn of *array*: colours where it has three channels, else its first channel; from 0 to 1."""
    planes = _planes(array)
    low, high = float(planes.min()), float(planes.max())
    shown: Array = (planes - low) / (high - low) if high > low else planes * 0 + 0.5
    return shown if shown.shape[-1] == 3 else shown[..., 0]


def shapes(figures: Mapping[str, Json]) -> Sequence[tuple[str, str]]:
    """Return size and type of each picture, in words."""
    kept = figures.get("pictures")
    found = []
    for key in ("image", "reference", "candidate"):
        one = kept.get(key) if isinstance(kept, Mapping) else None
        if isinstance(one, Mapping) and isinstance(one.get("shape"), list):
            found.append((key, f"{'x'.join(map(str, one['shape']))} {one.get('dtype', '')}"))
    return found
