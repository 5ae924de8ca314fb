"""Outputs that are finite and of a usual size, and what is fed so that they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.checks.inputs.resolved import ResolvedInputs
from pytest_onnxaccel.checks.inputs.trial import Trial
from pytest_onnxaccel.core.domains import Domain
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.numerics.sampling.draw import POSITIVE_RANGE
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Outputs past this are immense: in a model of bounded inputs they come from growth without a bound.
_IMMENSE = 1e8
#: Floats that are tried where the usual ones end in such growth.
_SMALL_RANGES = ((-0.1, 0.1), (-0.01, 0.01))


def finite(trial: Trial, found: ResolvedInputs) -> ResolvedInputs:
    """Return *found*, or the same sizes with other floats where those give finite outputs of a usual size."""
    inputs = found.inputs
    whole = without_missing(inputs)
    if whole is not inputs and not are_finite(inputs, found.outputs):
        # What stands for a missing number is read by more than what replaces it
        return finite(trial, replace(found, inputs=whole, outputs=trial.run(whole, 0)))
    if tame(inputs, found.outputs) or not any(_guessed_float(inputs, spec) for spec in inputs.specs):
        return found
    whole_ones = are_finite(inputs, found.outputs)
    if whole_ones and not any(_guessed_float(inputs, spec) for spec in inputs.specs if spec.name not in inputs.domains):
        return found  # telling numbers are large where the graph's own are
    enough = tame if whole_ones else are_finite
    # What grows from step to step does so less from small numbers; what overflows does so at the usual ones
    for floats in _SMALL_RANGES if whole_ones else (POSITIVE_RANGE,):
        tried = replace(inputs, floats=floats, domains=_inside(inputs, floats))
        try:
            outputs = trial.run(tried, 0)
        except ModelError:
            continue
        if enough(tried, outputs):
            return replace(found, inputs=tried, outputs=outputs)
    return found


def are_finite(inputs: Inputs, outputs: Mapping[str, Array]) -> bool:
    """Return whether no output holds NaN, or Inf where the graph does not say so."""
    return is_finite({name: array for name, array in outputs.items() if name not in inputs.infinite})


def tame(inputs: Inputs, outputs: Mapping[str, Array]) -> bool:
    """Return whether finite, and of a size at which an error still is one of the model."""
    if not are_finite(inputs, outputs):
        return False
    floats = (a for name, a in outputs.items() if name not in inputs.infinite and _kind(a) in "fV" and a.size)
    return all(float(np.abs(_float(array)).max()) <= _IMMENSE for array in floats)


def is_finite(outputs: Mapping[str, Array]) -> bool:
    """Return whether no output holds NaN or Inf."""
    return all(bool(np.isfinite(_float(a)).all()) for a in outputs.values() if _kind(a) in "fcV")


def without_missing(inputs: Inputs) -> Inputs:
    """Return *inputs* without NaN and infinities; the same object where there are none."""
    whole = {
        name: replace(domain, points=_finite(domain.points), columns=tuple(map(_finite, domain.columns)))
        for name, domain in inputs.domains.items()
    }
    changed = {name: domain for name, domain in whole.items() if domain != inputs.domains[name]}
    return replace(inputs, domains={**inputs.domains, **changed}) if changed else inputs


def _finite(numbers: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(number for number in numbers if not isinstance(number, float) or math.isfinite(number))


def _guessed_float(inputs: Inputs, spec: TensorSpec) -> bool:
    domain = inputs.domains.get(spec.name)
    return "float" in spec.dtype and inputs.made_up(spec.name) and (domain is None or domain.open)


def _inside(inputs: Inputs, floats: tuple[float, float]) -> dict[str, Domain]:
    """Return the domains of *inputs*, those of floats that bound nothing by *floats*."""
    names = {spec.name for spec in inputs.specs if _guessed_float(inputs, spec)}
    return {
        name: replace(domain, low=floats[0], high=floats[1]) if name in names else domain
        for name, domain in inputs.domains.items()
    }


def _kind(array: Any) -> str:
    return str(array.dtype.kind) if hasattr(array, "dtype") else "?"


def _float(array: Any) -> Any:
    return array.astype(np.float32) if array.dtype.kind == "V" else array
