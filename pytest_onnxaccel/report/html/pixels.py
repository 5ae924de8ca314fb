"""Pictures of a preprocessing failure: image, reference, candidate and their difference, enlarged, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pytest_onnxaccel.core.results import Json
from pytest_onnxaccel.report.html.svg import BAD, INK, SERIES, drawing, figure, svg, whole_numbers
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

    if all(array.ndim == 1 for array in sides.values()):
        return _lines(sides, count)
    results = [_planes(array) for key, array in sides.items() if key != "image"]
    ends = (min(float(r.min()) for r in results), max(float(r.max()) for r in results)) if results else (0.0, 0.0)
    panels: list[tuple[str, Array, str]] = [
        (key, _flat(array, None if key == "image" else ends), "") for key, array in sides.items()
    ]
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
            mesh = axes.imshow(
                values, interpolation="nearest", cmap="magma" if kind else "gray",
                vmin=None if kind else 0.0, vmax=None if kind else 1.0,
            )  # fmt: skip
            if kind:
                worst = np.unravel_index(int(np.argmax(values)), values.shape)
                axes.plot([worst[1]], [worst[0]], marker="o", markersize=12, markerfacecolor="none", color=BAD)
                bar = drawn.colorbar(mesh, ax=axes, shrink=0.8)
                bar.outline.set_visible(False)
        return svg(drawn, "The smallest image that fails, what both functions make of it, and the difference")


def _lines(sides: Mapping[str, Array], count: int) -> Markup:
    """Return sample and results as lines, both results in one: they have one axis, such as signals."""
    panels = [[key] for key in ("image",) if key in sides and sides[key].size > 1] + [
        [key for key in ("reference", "candidate") if key in sides]
    ]
    with drawing(count):
        drawn = figure(3.9 * len(panels), 2.6, ["12 345"], top=0.35)
        drawn.subplots_adjust(wspace=0.3)
        for place, keys in enumerate(filter(None, panels), 1):
            axes = drawn.add_subplot(1, len(panels), place)
            for number_of, key in enumerate(keys):
                marker = "." if sides[key].size < 60 else ""
                color, style = SERIES[2 * number_of], "-" if number_of == 0 else "--"
                axes.plot(sides[key], color=color, linestyle=style, marker=marker, linewidth=1.2, label=key)
            axes.set_title("sample" if keys == ["image"] else " and ".join(keys), fontsize=10, color=INK)
            whole_numbers(axes.xaxis)
            if len(keys) > 1:
                axes.legend()
        return svg(drawn, "The smallest sample that fails, and what both functions make of it")


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


def _flat(array: Array, ends: tuple[float, float] | None = None) -> Array:
    """Return what is drawn of *array*: colours where it has three channels, else its first channel; from 0 to 1.

    Args:
        ends: the values that are black and white; None for its own.
    """
    planes = _planes(array)
    low, high = ends or (float(planes.min()), float(planes.max()))
    shown: Array = (planes - low) / (high - low) if high > low else planes * 0 + 0.5
    return shown if shown.shape[-1] == 3 else shown[..., 0]


def shapes(figures: Mapping[str, Json]) -> Sequence[tuple[str, str]]:
    """Return size and type of each picture, in words."""
    kept = figures.get("pictures")
    found = []
    for key in ("image", "reference", "candidate"):
        one = kept.get(key) if isinstance(kept, Mapping) else None
        if isinstance(one, Mapping) and isinstance(one.get("shape"), list):
            shape = one["of"] if isinstance(one.get("of"), list) else one["shape"]
            thinned = f", every {_ordinal(one['every'])} row and column" if one.get("every") else ""
            label = "sample" if key == "image" and len(shape) == 1 else key
            found.append((label, f"{'x'.join(map(str, shape))} {one.get('dtype', '')}{thinned}"))
    return found


def _ordinal(step: Json) -> str:
    """Return a step in words: second, third, 4th."""
    return {2: "second", 3: "third"}.get(step, f"{step}th") if isinstance(step, int) else str(step)
