"""Operands that say how large an image becomes: sizes and scales."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pytest_onnxaccel.core.domains import Bound
from pytest_onnxaccel.graph.inputs.rules.declared import exact, shapes_of
from pytest_onnxaccel.graph.inputs.walk import Rule, Site


def resize(site: Site) -> None:
    """Resize and Upsample: scales and sizes for which the declared sizes come out."""
    before, after = shapes_of(site)
    axes = site.attribute("axes")
    chosen = range(len(before)) if before is not None and axes is None else [int(axis) for axis in axes or ()]
    places = {"Upsample": (1, None)}.get(site.operator.name, (2, 3) if site.opset >= 11 else (1, None))
    scales: list[Bound | None] | None = None
    sizes: list[Bound | None] | None = None
    if before is not None and after is not None and len(before) == len(after):
        pairs = [(before[a], after[a]) for a in chosen]
        pairs = [
            (old, _enlarged(old, axis) if new is None else new) for axis, (old, new) in zip(chosen, pairs, strict=True)
        ]
        sizes = [new if isinstance(new, (int, str)) else None for _, new in pairs]
        policy = site.attribute("keep_aspect_ratio_policy", b"stretch")
        sizes = sizes if policy == b"stretch" else _in_proportion(pairs, policy == b"not_larger")
        scales = [_ratio(old, new) for old, new in pairs]
    exact(site, places[0], scales, "the scales", (1, 2))
    if places[1] is not None:
        exact(site, places[1], sizes, "the sizes", (4, 16))


def _enlarged(old: int | str | None, axis: int) -> int | str | None:
    """Return a size for an axis of which the result may have any: twice as large and one, the first two as they are.

    Where the scale is a whole number, ways to round are the same.
    """
    if axis < 2 or old is None:
        return old
    return 2 * old + 1 if isinstance(old, int) else f"2 * ({old}) + 1"


def _in_proportion(pairs: Sequence[tuple[object, object]], larger: bool) -> list[Bound | None] | None:
    """Sizes of which one decides the scale of all axes, so that the declared ones come out."""
    for place, (old, new) in enumerate(pairs):
        numbers = [(o, n) for o, n in pairs if isinstance(o, int) and isinstance(n, int) and o > 0]
        if len(numbers) < len(pairs) or not isinstance(old, int) or not isinstance(new, int):
            return None
        if all(math.floor(o * new / old + 0.5) == n for o, n in numbers):
            rest = [math.ceil(o * new / old) + 1 if larger else 1 for o, _ in numbers]
            return [new if i == place else size for i, size in enumerate(rest)]
    return None


def _ratio(old: object, new: object) -> Bound | None:
    if isinstance(old, int) and isinstance(new, int) and old > 0:
        # Rounded down on the way to a size: a hair above the quotient gives just that size
        exact = new / old
        return exact if math.floor(old * exact) == new else math.nextafter(exact, math.inf)
    if isinstance(new, str) and new == f"2 * ({old}) + 1":
        return 2.25
    return 1.0 if old == new and old is not None else None


RULES: Mapping[str, Sequence[Rule]] = {
    ":Resize": (resize,),
    ":Upsample": (resize,),
}
