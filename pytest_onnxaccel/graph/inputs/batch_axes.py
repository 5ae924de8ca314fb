"""Which axis of which input is the batch: by its name on any axis, by what all inputs share, by recurrent operators."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from pytest_onnxaccel.core.domains import Domain
from pytest_onnxaccel.core.specs import Dim, TensorSpec

_BATCH = re.compile(r"(?i)^(n|b|bs|bsz|.*batch.*)$")
#: Names of a first axis that is something else: sequences, point clouds, graphs.
_LENGTH = re.compile(r"(?i)^(?!.*batch).*(seq|time|step|frame|token|len|point|node|edge)")
#: Names of sound, which a list of numbers holds and no batch of single numbers.
_SOUND = re.compile(r"(?i)^(?!.*batch).*(samples|audio|wav|signal|speech|pcm)")
#: Names that exporters make up for a size that they do not know, a new one for each (PyTorch: s18, u0).
_MADE_UP = re.compile(
    r"(?i)^(unk\w*?_?\d+|dim_?\d+|dynamicdimension\.?\d+|.+_dim_?\d+|unknown\w*|[su]\d+|none|-1|\?+)$"
)


def anonymous(dim: Dim) -> bool:
    """Return whether a dimension is free and has no name of its own."""
    return dim is None or (isinstance(dim, str) and bool(_MADE_UP.match(dim)))


def batch_axes(
    specs: Sequence[TensorSpec], domains: Mapping[str, Domain], hints: Mapping[str, int]
) -> tuple[Dim, dict[str, int]]:
    """Return the batch of a model's inputs, and the axis of it by input; an input without one is missing.

    Args:
        specs: the inputs to feed.
        domains: what their values are; sizes and counts carry no batch.
        hints: the axis of the batch by input, as an operator has it that reads the input as it is.

    Returns:
        The batch's size or name, None where it has neither; and no axes at all where there is no batch.
    """
    known = [s for s in specs if s.shape and s.kind == "tensor" and not _counts(domains.get(s.name))]
    if not known or any(s.kind == "tensor" and s.shape is None for s in specs):
        return None, {}
    named = _named(known)
    if any(
        s.shape and named in s.shape and s.shape.index(named) != hints.get(s.name, s.shape.index(named)) for s in known
    ):
        named = None  # it is called so, and an operator has the batch elsewhere
    if named is None:
        lengths = {s.name for s in known if isinstance(_at(s, hints), str) and _LENGTH.search(str(_at(s, hints)))}
        if lengths and all(s.name in lengths for s in known):
            return None, {}  # time comes first, and a batch nowhere
        if all(len(s.shape or ()) == 1 for s in known) and any(
            _SOUND.search(f"{s.name} {_at(s, hints) or ''}") and not isinstance(_at(s, hints), int) for s in known
        ):
            return None, {}
    if named is not None:
        axes = {s.name: s.shape.index(named) for s in known if s.shape is not None and named in s.shape}
        axes |= {s.name: hints.get(s.name, 0) for s in known if s.name not in axes and _at(s, hints) is None}
        return named, axes
    hints = {**_states(known), **hints}
    placed = {s.name: hints.get(s.name, 0) for s in known}
    sizes = {_at(s, hints) for s in known}
    if len(sizes) == 1 and sizes != {0}:
        size = sizes.pop()
        # One input whose first axis is a number may still be no batch; what follows proves it
        return size, placed
    if all(anonymous(size) for size in sizes):
        return None, placed
    fixed = {size for size in sizes if not anonymous(size)}
    if len(fixed) == 1 and isinstance(next(iter(fixed)), str):
        return next(iter(fixed)), placed  # some inputs say its name, the others leave it open
    return None, {}


def _states(specs: Sequence[TensorSpec]) -> dict[str, int]:
    """Return axis 1 of inputs ``[layers, ?, width]`` next to those whose axis 0 is free: states, of the same batch."""
    leading = [s for s in specs if s.shape and len(s.shape) > 1 and anonymous(s.shape[0])]
    if not leading:
        return {}
    return {
        s.name: 1
        for s in specs
        if s.shape is not None
        and len(s.shape) == 3
        and isinstance(s.shape[0], int)
        and s.shape[0] > 1
        and anonymous(s.shape[1])
        and isinstance(s.shape[2], int)
    }


def _counts(domain: Domain | None) -> bool:
    return domain is not None and domain.kind == "size"


def _at(spec: TensorSpec, hints: Mapping[str, int]) -> Dim:
    shape, axis = spec.shape or (), hints.get(spec.name, 0)
    return shape[axis] if axis < len(shape) else 0


def _named(specs: Sequence[TensorSpec]) -> str | None:
    """Return the name that says of itself that it is the batch; of several, the one in most inputs."""
    names = Counter(
        dim for spec in specs for dim in dict.fromkeys(spec.shape or ()) if isinstance(dim, str) and _BATCH.match(dim)
    )
    return names.most_common(1)[0][0] if names else None
