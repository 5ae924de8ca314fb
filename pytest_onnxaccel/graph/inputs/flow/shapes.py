"""Sizes of values: as the file declares them, and where it does not, as operators keep them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.dims import base_names

if TYPE_CHECKING:
    from pytest_onnxaccel.graph.inputs.walk import Site


def declared_shapes(graph: Any) -> dict[str, tuple[int | str | None, ...]]:
    """Return sizes by name of a value, as inputs, outputs and values in between declare them."""
    found: dict[str, tuple[int | str | None, ...]] = {}
    for value in [*graph.value_info, *graph.output, *graph.input]:
        if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape"):
            found[value.name] = tuple(_dim(dim) for dim in value.type.tensor_type.shape.dim)
    # A name that no input has says nothing of a size: exporters make them up for what they do not know
    names = {dim for value in graph.input for dim in found.get(value.name, ()) if isinstance(dim, str)}
    known = set(base_names(sorted(names)))
    foreign = {dim for shape in found.values() for dim in shape if isinstance(dim, str) and dim not in names}
    unknown = {dim for dim in foreign if not known.issuperset(base_names([dim]))}
    if not unknown:
        return found
    return {
        name: shape if unknown.isdisjoint(shape) else tuple(None if dim in unknown else dim for dim in shape)
        for name, shape in found.items()
    }


def _dim(dim: Any) -> int | str | None:
    if dim.HasField("dim_value"):
        return int(dim.dim_value) if dim.dim_value >= 0 else None
    return dim.dim_param or None


def shape_alike(site: Site) -> tuple[int | str | None, ...] | None:
    """Return the shape of an elementwise result; None where it is not known."""
    operator = site.operator
    if operator.same_shape:
        return site.operand(0).shape
    if operator.layer is not None:
        first, second = site.operand(0).shape, site.operand(1).shape
        return operator.layer(site, first, second) if first and second is not None else None
    if not operator.elementwise:
        return None
    shapes = [value.shape for value in site.operands if value is not None]
    known = [shape for shape in shapes if shape is not None]
    if not known or len(known) < len(shapes):
        return None
    if len(known) == 2 and known[0] == known[1]:
        return known[0]
    return tuple(map(_broadcast, *_padded(known)))


def _of_product(site: Site, first: Shape, second: Shape) -> Shape | None:
    return (*first[:-1], second[1]) if len(second) == 2 else None


def _of_gemm(site: Site, first: Shape, second: Shape) -> Shape | None:
    if len(first) != 2 or len(second) != 2:
        return None
    return first[1 if site.attribute("transA", 0) else 0], second[0 if site.attribute("transB", 0) else 1]


def _of_kernels(site: Site, first: Shape, second: Shape) -> Shape | None:
    return (first[0], second[0], *[None] * (len(first) - 2)) if len(first) == len(second) > 2 else None


def _of_norm(site: Site, first: Shape, second: Shape) -> Shape | None:
    return first if not site.outputs[1:] else None


Shape = tuple[int | str | None, ...]
#: Shapes of the results of layers, by those of the data and the weights.
LAYERS: Mapping[str, Callable[[Site, Shape, Shape], Shape | None]] = {
    "MatMul": _of_product,
    "Gemm": _of_gemm,
    "Conv": _of_kernels,
    "BatchNormalization": _of_norm,
    "LayerNormalization": _of_norm,
    "InstanceNormalization": _of_norm,
}


def _padded(shapes: Sequence[tuple[int | str | None, ...]]) -> list[tuple[int | str | None, ...]]:
    rank = max(map(len, shapes))
    return [(*[1] * (rank - len(shape)), *shape) for shape in shapes]


def _broadcast(*sizes: int | str | None) -> int | str | None:
    wide = {size for size in sizes if size != 1}
    return 1 if not wide else wide.pop() if len(wide) == 1 else None
