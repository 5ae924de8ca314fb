"""Operands that are sizes: the declared shape of a result says which values they must have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_onnxaccel.core.domains import Bound
from pytest_onnxaccel.graph.inputs.rules.declared import axes_of, exact, length_of, shapes_of
from pytest_onnxaccel.graph.inputs.walk import Rule, Site


def shape(site: Site) -> None:
    """Reshape: the shape that is declared for the result."""
    exact(site, 1, site.output_shape(), "the shape")


def expand(site: Site) -> None:
    """Expand: the declared shape, of which the operand may hold fewer axes at its start."""
    wanted, length = site.output_shape(), length_of(site.operand(1))
    exact(site, 1, wanted if wanted is None or length is None else wanted[len(wanted) - length :], "the shape")


def filled(site: Site) -> None:
    """ConstantOfShape and random fills: the operand is the shape."""
    exact(site, 0, site.output_shape(), "the shape", (1, 8))


def repeats(site: Site) -> None:
    """Tile: how often each axis is repeated."""
    before, after = shapes_of(site)
    found: list[Bound | None] | None = None
    if before is not None and after is not None and len(before) == len(after):
        found = [_quotient(b, a) for b, a in zip(before, after, strict=True)]
    exact(site, 1, found, "the repeats", (1, 3))


def _quotient(before: int | str | None, after: int | str | None) -> Bound | None:
    if before == after and before is not None:
        return 1
    if isinstance(before, int) and isinstance(after, int) and before > 0 and after % before == 0:
        return after // before
    return f"({after}) // ({before})" if before is not None and after is not None and before != 0 else None


def pads(site: Site) -> None:
    """Pad: what each axis grows by, the larger half behind."""
    before, after = shapes_of(site)
    axes = axes_of(site, 3, before)
    found: list[Bound | None] | None = None
    if before is not None and after is not None and len(before) == len(after) and axes is not None:
        grown = [_growth(b, a, i) for i, (b, a) in enumerate(zip(before, after, strict=True))]
        rows = [grown[axis] for axis in axes]
        found = [*(None if g is None else g // 2 for g in rows), *(None if g is None else g - g // 2 for g in rows)]
    exact(site, 1, found, "the padding", (0, 2))


def _growth(before: int | str | None, after: int | str | None, axis: int) -> int | None:
    """Return what an axis grows by; where that is open, the first one stays and the others grow on both sides."""
    if after is None:
        return 2 if axis else 0
    return after - before if isinstance(after, int) and isinstance(before, int) else (0 if after == before else None)


RULES: Mapping[str, Sequence[Rule]] = {
    ":Reshape": (shape,),
    ":Expand": (expand,),
    ":ConstantOfShape": (filled,),
    ":Tile": (repeats,),
    ":Pad": (pads,),
}
