"""Inputs before they were tried: what the user gives is read, and what nobody can make up is told."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.dims import evaluate, names_in
from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.lookup.import_string import resolve
from pytest_onnxaccel.core.printing import named
from pytest_onnxaccel.core.specs import DimSpec, InputSpec, ModelInfo, ModelSpec, TensorSpec
from pytest_onnxaccel.numerics.sampling.declared import dim_at
from pytest_onnxaccel.numerics.sampling.draw import array_dtype, load_samples, unguessable
from pytest_onnxaccel.numerics.sampling.free_sizes import given_sizes
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.model_inputs import model_inputs

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


#: Maps are not fed to any runtime here, whoever gives them.
_WITHOUT_MAP = (
    "maps are not fed: export the model with a tensor in its place, or check what comes after the node that reads it "
    "(onnx.utils.extract_model)"
)


def give_data(name: str) -> str:
    """Return what to do when inputs cannot be made up."""
    return f'give samples: [models."{name}".inputs.NAME] file = "samples.npz" (or shape, range) in onnxaccel.toml'


def prepare_inputs(
    info: ModelInfo,
    spec: ModelSpec,
    seed: int,
    root: str = "",
    facts: InputFacts | None = None,
    golden: Sequence[Mapping[str, Array]] = (),
) -> Inputs:
    """Return the inputs before they were tried, with the user's sample files read.

    Raises:
        ModelError: ``E_INPUT``: an input that cannot be made up; ``E_CONFIG``: a declaration for an input, a dimension
            or an axis that does not exist, or one that contradicts itself or the model.
    """
    known = {item.name for item in info.inputs}
    for declared in spec.inputs:
        if declared.name not in known:
            raise ModelError(
                f"{spec.origin} declares input {declared.name!r}, the model's inputs are {named(sorted(known))}",
                code="E_CONFIG",
            )
        rank = len(next(item.shape or () for item in info.inputs if item.name == declared.name))
        if declared.batch_axis is not None and declared.batch_axis >= rank > 0:
            raise ModelError(
                f"{spec.origin} says that input {declared.name!r} has its batch on axis {declared.batch_axis}, "
                f"and it has {rank} axes: 0 to {rank - 1}",
                code="E_CONFIG",
            )
        _fitting(declared, next(item for item in info.inputs if item.name == declared.name), spec.origin)
    _known_dims(info, spec)
    files = {d.name: load_samples(d, d.name) for d in spec.inputs if d.file is not None}
    specs = {item.name: item for item in info.inputs}
    files |= {d.name: _images(d, specs[d.name], spec.origin, root) for d in spec.inputs if d.images is not None}
    shapes = {d.name: d.shape for d in spec.inputs if d.shape is not None}
    domains = facts.domains if facts is not None else {}
    for item in info.inputs:
        known_rank = replace(item, shape=shapes.get(item.name, item.shape))
        given = bool(golden) or item.name in files
        reason = "" if given else unguessable(known_rank, domains.get(item.name), _given(spec, item.name))
        if reason:
            remedy = _WITHOUT_MAP if item.kind == "map" else give_data(spec.name)
            raise ModelError(f"{reason}, which cannot be made up", code="E_INPUT", remedy=remedy)
    made = model_inputs(info, spec.inputs, seed, files, facts, golden)
    _agreeing(made, spec)
    return _at_batch(made, spec)


def _known_dims(info: ModelInfo, spec: ModelSpec) -> None:
    """Refuse a size of a dimension that the model does not have, or that follows from one: nothing would be tried."""
    specs = (*info.inputs, *info.outputs)
    names = {name for one in specs for dim in one.shape or () if isinstance(dim, str) for name in (dim, *names_in(dim))}
    names |= {f"{one.name}:{axis}" for one in info.inputs for axis, dim in enumerate(one.shape or ()) if dim is None}
    formulas = {dim.name: dim.formula for dim in spec.dims if dim.formula is not None}
    single = {dim.name: dim.sizes[0] for dim in spec.dims if len(dim.sizes) == 1}
    for dim in spec.dims:
        said = f"{spec.origin} gives a size for dimension {dim.name!r}"
        free = named(sorted(names)) if names else "none"
        if dim.name not in names:
            raise ModelError(f"{said}, the model's free dimensions are {free}", code="E_CONFIG")
        unknown = [name for name in names_in(dim.formula or "") if dim.formula is not None and name not in names]
        if unknown:
            cause = f"{said} that follows from {unknown[0]!r}, the model's free dimensions are {free}"
            raise ModelError(cause, code="E_CONFIG")
        if around := _circle(dim, formulas):
            raise ModelError(f"{said} that follows from itself: {around}", code="E_CONFIG")
        bases = () if dim.formula is None else names_in(dim.formula)
        if dim.formula is not None and set(bases) <= single.keys() and evaluate(dim.formula, single) is None:
            at = ", ".join(f"{name} = {single[name]}" for name in bases)
            raise ModelError(f"{said} that is none: {dim.formula!r}, where {at}", code="E_CONFIG")


def _circle(dim: DimSpec, formulas: Mapping[str, str]) -> str:
    """Return the formulas by which *dim* follows from itself, one after the other; or an empty string."""
    waiting: list[tuple[str, tuple[str, ...]]] = [(dim.name, (dim.name,))] if dim.name in formulas else []
    while waiting:
        name, way = waiting.pop()
        for base in names_in(formulas[name]):
            if base == dim.name:
                shown = [f"{one} = {formulas[one]!r}" for one in way]
                return ", ".join(shown) if len(shown) > 1 else repr(formulas[name])
            if base in formulas and base not in way:
                waiting.append((base, (*way, base)))
    return ""


def _agreeing(base: Inputs, spec: ModelSpec) -> None:
    """Refuse a size by name that the shape or the samples of an input contradict: one of them would be passed over."""
    shown = {} if base.golden else given_sizes(base)
    for dim in spec.dims:
        if dim.sizes and shown.get(dim.name, dim.sizes[0]) not in dim.sizes:
            sizes = " or ".join(map(str, dim.sizes))
            cause = f"{spec.origin} gives {sizes} for dimension {dim.name!r}, and an input of size {shown[dim.name]}"
            raise ModelError(cause, code="E_CONFIG", remedy="keep one of them")


def _fitting(declared: InputSpec, takes: TensorSpec, origin: str) -> None:
    """Refuse a value that the input cannot hold: the user's own mistake, and no guess that does not run."""
    for value in declared.values or ():
        try:
            dtype = array_dtype(takes.dtype) if takes.dtype != "string" else None
        except TypeError:
            return
        text = isinstance(value, str)
        fits = text if dtype is None else not text and (dtype.kind not in "iub" or _is_in(dtype, value))
        if not fits:
            cause = f"{origin} gives {value!r} for input {declared.name!r}, which holds {takes.dtype}"
            raise ModelError(cause, code="E_CONFIG")


def _is_in(dtype: np.dtype[Any], value: Any) -> bool:
    ends = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return bool(value == int(value) and ends[0] <= value <= ends[1])


def _at_batch(inputs: Inputs, spec: ModelSpec) -> Inputs:
    """Return *inputs* at the batch that the user names by the name of its dimension."""
    names = {inputs.symbol, *(dim_at(one, inputs.axes.get(one.name, -1)) for one in inputs.specs)} - {None}
    said = next((dim for dim in spec.dims if dim.name in names), None)
    if said is None or not inputs.dynamic or inputs.golden:
        return inputs
    if len(said.sizes) != 1 or said.sizes[0] < 1:
        raise ModelError(
            f"{spec.origin} gives more than a size for {said.name!r}, which is the batch",
            code="E_CONFIG",
            remedy="name batch sizes by --onnx-batch, or batch in the manifest",
        )
    shaped = {one.shape[inputs.axes[one.name]] for one in spec.inputs if one.shape and one.name in inputs.axes}
    if shaped - set(said.sizes):
        cause = f"{spec.origin} gives {said.sizes[0]} for dimension {said.name!r}, and an input of size {max(shaped)}"
        raise ModelError(cause, code="E_CONFIG", remedy="keep one of them")
    shown = any(one.shape is not None for one in spec.inputs) or bool(inputs.files)
    return inputs if shown else replace(inputs, batch=said.sizes[0])


def _given(spec: ModelSpec, name: str) -> InputSpec | None:
    return next((item for item in spec.inputs if item.name == name), None)


def _images(declared: InputSpec, takes: TensorSpec, origin: str, root: str) -> list[Array]:
    """Return samples from the user's images; images and the user's function are loaded only here."""
    from pytest_onnxaccel.numerics.sampling.images import load_images

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
