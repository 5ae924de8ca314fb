"""Example inputs that PyTorch is exported with, and which of them carry the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.convert.protocol import DYNAMIC, ConvertOptions
from pytest_onnxaccel.errors import ConfigError, ConversionError
from pytest_onnxaccel.frozen_class import record
from pytest_onnxaccel.spec import Dim, TensorSpec

if TYPE_CHECKING:
    import torch

#: Samples of an example whose batch shall stay dynamic: with 1 an exporter takes the size for a constant.
SEVERAL = 2
#: What the dynamic axis is called.
SYMBOL = "batch"


@record(frozen=True)
class Examples:
    """Inputs to export with.

    Attributes:
        tensors: by input name, in the order of the specs.
        batched: names of those whose axis 0 is the batch.
        dynamic: the batch shall stay open.
        batch: samples in the example; None where the inputs share no batch.
    """

    tensors: dict[str, torch.Tensor]
    batched: tuple[str, ...]
    dynamic: bool
    batch: int | None


def examples(options: ConvertOptions, known: Sequence[TensorSpec] = ()) -> Examples:
    """Examples for the inputs of *options*, else for those that the source *known* has.

    Raises:
        ConfigError: nobody says what the inputs are, or a size is left open.
        ConversionError: a batch is asked for and the inputs share none.
    """
    specs = options.inputs or tuple(known)
    if not specs:
        raise ConfigError(
            "nothing says what inputs it takes",
            remedy="name them with dtype and shape, such as input:float32:1x3x240x320",
        )
    batch, batched = shared(specs)
    wanted: int | str | None = (
        options.batch if options.batch is not None else (DYNAMIC if not isinstance(batch, int) else batch)
    )
    if not batched:
        if options.batch is not None:
            shapes = ", ".join(map(str, specs))
            raise ConversionError(f"its inputs share no batch axis (axis 0): {shapes}", remedy="leave the batch out")
        wanted = None
    size = SEVERAL if wanted == DYNAMIC else wanted
    tensors = {}
    for spec in specs:
        fixed = replace(spec, shape=(size, *(spec.shape or ())[1:])) if spec.name in batched else spec
        tensors[spec.name] = _example(fixed)
    return Examples(tensors, batched, wanted == DYNAMIC, size if isinstance(size, int) else None)


def shared(specs: Sequence[TensorSpec]) -> tuple[Dim, tuple[str, ...]]:
    """The batch that the inputs share on axis 0, and the names of those that have it; none where they share none."""
    ranked = [spec for spec in specs if spec.shape]
    leading = {(spec.shape or (None,))[0] for spec in ranked}
    if not ranked or len(leading) != 1:
        return None, ()
    return leading.pop(), tuple(spec.name for spec in ranked)


def _example(spec: TensorSpec) -> Any:
    import torch

    dtype = getattr(torch, spec.dtype or "float32", None)
    if spec.shape is None or any(not isinstance(size, int) for size in spec.shape):
        raise ConfigError(f"input {spec} leaves a size open", remedy="give every size but that of the batch")
    if not isinstance(dtype, torch.dtype):
        raise ConfigError(f"input {spec.name!r}: PyTorch has no {spec.dtype}", remedy="give a dtype such as float32")
    shape = [size for size in spec.shape if isinstance(size, int)]
    generator = torch.Generator().manual_seed(0)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.rand(shape, generator=generator).to(dtype)
    # Zero is a legal index of every table
    return torch.zeros(shape, dtype=dtype)
