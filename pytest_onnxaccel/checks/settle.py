"""Finds inputs that a model runs on: the smallest sizes for its free dimensions, and a legal range of values."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.errors import ModelError
from pytest_onnxaccel.frozen_class import record
from pytest_onnxaccel.functions import resolve
from pytest_onnxaccel.numerics.inputs import Inputs
from pytest_onnxaccel.numerics.sampling import POSITIVE_RANGE, load_samples, unguessable
from pytest_onnxaccel.printing import named
from pytest_onnxaccel.spec import InputSpec, ModelInfo, ModelSpec, TensorSpec

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Sizes tried for free dimensions, with the sizes of the model's own weights, in ascending order.
_SIZES = (1, 2, 3, 4, 5, 8, 16, 32, 64, 128, 224, 256, 512)
#: Ranges tried for integer inputs of which nothing is known: indices, then all zeros, then all ones.
_INTEGER_RANGES = (None, (0, 1), (1, 2))
#: Sizes are not tried any further once an input has so many elements: several free dimensions multiply.
_MOST_ELEMENTS = 1 << 24


@record(frozen=True)
class Settled:
    """Inputs that run, with what the first sample gave: a later run of it must give the same."""

    inputs: Inputs
    outputs: Mapping[str, Array]
    tries: int


def give_data(name: str) -> str:
    """What to do when inputs cannot be made up."""
    return f'give samples: [models."{name}".inputs.NAME] file = "samples.npz" (or shape, range) in onnxaccel.toml'


def prepare_inputs(info: ModelInfo, spec: ModelSpec, seed: int, root: str = "") -> Inputs:
    """Inputs before they were tried, with the user's sample files read.

    Raises:
        ModelError: ``E_INPUT``: an input that cannot be made up, or a declaration for an input that does not exist.
    """
    known = {item.name for item in info.inputs}
    for declared in spec.inputs:
        if declared.name not in known:
            raise ModelError(
                f"{spec.origin} declares input {declared.name!r}, the model's inputs are {named(sorted(known))}",
                code="E_CONFIG",
            )
    files = {d.name: load_samples(d, d.name) for d in spec.inputs if d.file is not None}
    specs = {item.name: item for item in info.inputs}
    files |= {d.name: _images(d, specs[d.name], spec.origin, root) for d in spec.inputs if d.images is not None}
    shapes = {d.name: d.shape for d in spec.inputs if d.shape is not None}
    for item in info.inputs:
        known_rank = replace(item, shape=shapes.get(item.name, item.shape))
        reason = "" if item.name in files else unguessable(known_rank)
        if reason:
            raise ModelError(f"{reason}, which cannot be made up", code="E_INPUT", remedy=give_data(spec.name))
    return Inputs.of(info, spec.inputs, seed, files)


def _images(declared: InputSpec, takes: TensorSpec, origin: str, root: str) -> list[Array]:
    """Samples from the user's images; images and the user's function are loaded only here."""
    from pytest_onnxaccel.numerics.images import load_images

    assert declared.images is not None
    preprocess = None
    if declared.preprocess is not None:
        preprocess = resolve(declared.preprocess, Path(root or os.getcwd()), origin)
    made = load_images(declared.images, declared.name, preprocess)
    for array in made:
        # The user's own mistake, and no input that could not be made up: it fails
        wanted = takes.shape if takes.shape is None or array.ndim == len(takes.shape) else takes.shape[1:]
        if wanted is not None and (
            len(wanted) != array.ndim
            or any(isinstance(want, int) and want != have for want, have in zip(wanted, array.shape, strict=True))
        ):
            raise ModelError(
                f"{declared.preprocess or 'an image'} gives {array.dtype}{list(array.shape)}, the model takes {takes}",
                code="E_CONFIG",
                remedy='preprocess = "package.module:function" makes what the model takes',
            )
    return made


def settle(session: Session, info: ModelInfo, spec: ModelSpec, seed: int, root: str = "") -> Settled:
    """Inputs on which *session* runs.

    Args:
        root: folder whose modules a preprocessing function is imported from; the current one by default.

    Raises:
        ModelError: ``E_INPUT`` when nothing that was tried runs; the model's own error when there was nothing to try.
    """
    base = prepare_inputs(info, spec, seed, root)
    last = ModelError("no size was small enough to be tried", code="E_INPUT", remedy=give_data(spec.name))
    fallback: Settled | None = None
    tries = 0
    for inputs in _candidates(base, info):
        tries += 1
        try:
            outputs = session.run(inputs.feeds(0))
        except ModelError as error:
            if error.code not in ("E_RUN", "E_INPUT"):
                raise
            last = error
            continue
        found = Settled(inputs, outputs, tries)
        if all(array.size for array in outputs.values()):
            return _finite(session, found)
        fallback = fallback or found
    if fallback is not None:
        return _finite(session, fallback)
    if tries <= 1:
        raise last
    raise ModelError(
        f"none of {tries} guesses for its inputs runs; the last said: {last.cause}",
        code="E_INPUT",
        remedy=give_data(spec.name),
    )


def _candidates(base: Inputs, info: ModelInfo) -> Iterator[Inputs]:
    names = _free_names(base)
    integers = any(
        s.dtype.startswith(("int", "uint")) and s.name not in base.files and not _ranged(base, s.name)
        for s in base.specs
    )
    sizes = sorted({*_SIZES, *info.dim_hints}) if names else [0]
    for size in sizes:
        sized = replace(base, sizes=dict.fromkeys(names, size)) if names else base
        if names and max(map(math.prod, sized.shapes().values())) > _MOST_ELEMENTS:
            return
        for limits in _INTEGER_RANGES if integers else (None,):
            yield replace(sized, integers=limits)


def _ranged(base: Inputs, name: str) -> bool:
    return any(g.name == name and g.low is not None for g in base.given)


def _free_names(base: Inputs) -> list[str]:
    """Symbols to choose a size for, ``?`` for dimensions without a name; the batch axis has its size already."""
    shaped = {g.name for g in base.given if g.shape is not None} | set(base.files)
    names: dict[str, None] = {}
    for spec in base.specs:
        if spec.name in shaped:
            continue
        for axis, dim in enumerate(spec.shape or ()):
            if isinstance(dim, int) or (axis == 0 and base.batch is not None) or dim == base.symbol is not None:
                continue
            names["?" if dim is None else dim] = None
    return list(names)


def _finite(session: Session, found: Settled) -> Settled:
    """*found*, or the same sizes with positive floats where those give finite outputs and these do not."""
    if is_finite(found.outputs) or not any(_guessed_float(found.inputs, s) for s in found.inputs.specs):
        return found
    inputs = replace(found.inputs, floats=POSITIVE_RANGE)
    try:
        outputs = session.run(inputs.feeds(0))
    except ModelError:
        return found
    return Settled(inputs, outputs, found.tries + 1) if is_finite(outputs) else found


def _guessed_float(inputs: Inputs, spec: Any) -> bool:
    return "float" in spec.dtype and spec.name not in inputs.files and not _ranged(inputs, spec.name)


def is_finite(outputs: Mapping[str, Array]) -> bool:
    """No output holds NaN or Inf."""
    return all(bool(np.isfinite(_float(a)).all()) for a in outputs.values() if a.dtype.kind in "fcV")


def _float(array: Any) -> Any:
    return array.astype(np.float32) if array.dtype.kind == "V" else array
