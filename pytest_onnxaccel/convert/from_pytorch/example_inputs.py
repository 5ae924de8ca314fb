"""Example inputs that PyTorch is exported with, and which of their axes stay open."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.convert.protocol import DYNAMIC, ConvertOptions
from pytest_onnxaccel.core.dims import base_names, evaluate
from pytest_onnxaccel.core.errors import ConfigError, ConversionError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import Dim, TensorSpec
from pytest_onnxaccel.graph.inputs.batch_axes import is_length
from pytest_onnxaccel.numerics.sampling.free_sizes import plausible_sizes

if TYPE_CHECKING:
    import torch

#: Samples of an example whose batch shall stay dynamic: with 1 an exporter takes the size for a constant.
SEVERAL = 2
#: What the dynamic batch is called where nobody names it.
SYMBOL = "batch"
_BATCH = re.compile(r"(?i)^(n|b|bs|batch([_-]?size)?)$")
#: Inputs whose zeros say that nothing is there: with an all-zero mask, PyTorch's attention and its export differ.
_ONES = re.compile(r"(?i)mask|(^|_)len(gth)?s?$")


@record(frozen=True)
class Examples:
    """Inputs to export with.

    Attributes:
        tensors: by input name, in the order of the specs.
        batched: names of those that carry the batch.
        dynamic: the batch shall stay open.
        batch: samples in the example; None where the inputs share no batch.
        axes: what stays open by input name: the name or expression of each such axis.
        sizes: of the example, by name of an open axis.
        symbol: name of the batch where that stays open; empty otherwise.
    """

    tensors: dict[str, torch.Tensor]
    batched: tuple[str, ...]
    dynamic: bool
    batch: int | None
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    symbol: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names and expressions of what stays open, each once."""
        return tuple(dict.fromkeys(dim for axes in self.axes.values() for dim in axes.values()))


def examples(options: ConvertOptions, known: Sequence[TensorSpec] = (), turn: int = 0) -> Examples:
    """Return examples for the inputs of *options*, else for those that the source *known* has.

    Args:
        options: names, shapes and batch that were asked for.
        known: inputs that the source declares itself.
        turn: 0, or 1 for the same inputs with open axes of other sizes.

    Raises:
        ConfigError: nobody says what the inputs are.
        ConversionError: a batch is asked for and the inputs share none.
    """
    specs = _completed(options.inputs, known) or tuple(known)
    if not specs:
        raise ConfigError(
            "nothing says what inputs it takes",
            remedy="name them with dtype and shape, such as input:float32:1x3x240x320",
        )
    undeclared = next((spec for spec in specs if spec.shape is None), None)
    if undeclared is not None:
        raise ConfigError(
            f"input {undeclared.name!r} has no dtype and no shape, and PyTorch runs an example to export",
            remedy=f"write NAME:DTYPE:SHAPE, such as {undeclared.name}:float32:1x3x240x320",
        )
    batch, places = shared_batch(specs)
    if not places and options.batch is not None:
        shapes = ", ".join(map(str, specs))
        raise ConversionError(f"its inputs share no batch axis (axis 0): {shapes}", remedy="leave the batch out")
    wanted = options.batch if options.batch is not None else batch if isinstance(batch, int) else DYNAMIC
    # Inputs that an exported program declares have names that PyTorch made up
    symbol = batch if isinstance(batch, str) and options.inputs else SYMBOL
    shapes_of = {}
    for spec in specs:
        shape = [f"{spec.name}_dim_{axis}" if dim is None else dim for axis, dim in enumerate(spec.shape or ())]
        if spec.name in places:
            shape[places[spec.name]] = symbol if wanted == DYNAMIC else int(wanted)
        if isinstance(batch, str):
            shape = [(symbol if wanted == DYNAMIC else int(wanted)) if dim == batch else dim for dim in shape]
        shapes_of[spec.name] = shape
    axes = {
        name: {axis: dim for axis, dim in enumerate(shape) if isinstance(dim, str)}
        for name, shape in shapes_of.items()
        if any(isinstance(dim, str) for dim in shape)
    }
    open_names = [dim for found in axes.values() for dim in found.values()]
    taken = {dim for shape in shapes_of.values() for dim in shape if isinstance(dim, int)}
    sizes = _chosen(open_names, symbol if places else "", taken, turn)
    tensors = {spec.name: _example(replace(spec, shape=_resolved(spec, shapes_of[spec.name], sizes))) for spec in specs}
    if options.device:
        tensors = {name: tensor.to(options.device) for name, tensor in tensors.items()}
    dynamic = bool(places) and wanted == DYNAMIC
    size = (sizes[symbol] if dynamic else int(wanted)) if places else None
    return Examples(tensors, tuple(places), dynamic, size, axes, sizes, symbol if dynamic else "")


def _completed(asked: Sequence[TensorSpec], known: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Return *asked* with what the source knows of those that are names alone."""
    own = {spec.name: spec for spec in known}
    return tuple(own.get(spec.name, spec) if spec.shape is None else spec for spec in asked)


def shared_batch(specs: Sequence[TensorSpec]) -> tuple[Dim, dict[str, int]]:
    """Return the batch that the inputs share and its axis by input name; no axes where they share none.

    It is axis 0 where that of all inputs is the same, else what is called a batch on whatever axis. A name of time or
    of sound (``samples``) on axis 0 is none.
    """
    ranked = [spec for spec in specs if spec.shape]
    leading = {(spec.shape or (None,))[0] for spec in ranked}
    first = next(iter(leading)) if len(leading) == 1 else None
    other = isinstance(first, str) and not _BATCH.search(first)
    if ranked and len(leading) == 1 and not other:
        return first, {spec.name: 0 for spec in ranked}
    for spec in ranked:
        for dim in spec.shape or ():
            if isinstance(dim, str) and _BATCH.search(dim):
                return dim, {one.name: one.shape.index(dim) for one in ranked if one.shape and dim in one.shape}
    if not other or is_length(str(first), [spec for spec in ranked if spec.shape == (first,)]):
        return None, {}
    return first, {spec.name: 0 for spec in ranked}


def _chosen(dims: Sequence[str], batch: str, taken: set[int], turn: int) -> dict[str, int]:
    """Return a size for every name in *dims*: plausible, at least 2, and like no other, so that none is mixed up."""
    found: dict[str, int] = {}
    used = set(taken)
    for name in base_names(tuple(dict.fromkeys(dims))):
        if name == batch:
            found[name] = SEVERAL + turn
        else:
            likely = [size for size in plausible_sizes(name) if size >= SEVERAL]
            fit = [size for size in (*likely, *range(6, 100)) if size not in used and size > SEVERAL + 1]
            found[name] = fit[min(turn, len(fit) - 1)]
        used |= {found[name]} | {found[name] + other for other in found.values()}
    return found


def _resolved(spec: TensorSpec, shape: Sequence[Dim], sizes: Mapping[str, int]) -> tuple[int, ...]:
    found = []
    for dim in shape:
        size = evaluate(dim, sizes) if isinstance(dim, str) else dim
        if size is None:
            raise ConfigError(
                f"input {spec}: {dim!r} is not a size", remedy="write a name such as sequence, or a sum of names"
            )
        found.append(size)
    return tuple(found)


def _example(spec: TensorSpec) -> Any:
    import torch

    dtype = getattr(torch, spec.dtype or "float32", None)
    if not isinstance(dtype, torch.dtype):
        raise ConfigError(f"input {spec.name!r}: PyTorch has no {spec.dtype}", remedy="give a dtype such as float32")
    shape = [size for size in spec.shape or () if isinstance(size, int)]
    if _ONES.search(spec.name):
        return torch.ones(shape, dtype=dtype)
    generator = torch.Generator().manual_seed(0)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.rand(shape, generator=generator).to(dtype)
    # Zero is a legal index of every table
    return torch.zeros(shape, dtype=dtype)
