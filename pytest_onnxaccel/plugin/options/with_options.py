"""What the options of a run say of each of its models and sources."""

from __future__ import annotations

import os
from dataclasses import replace

from pytest_onnxaccel.config.layers import Overrides, overridden
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.printing import local
from pytest_onnxaccel.core.specs import GoldenSpec, ModelSpec, SourceSpec
from pytest_onnxaccel.plugin.options import names as known
from pytest_onnxaccel.plugin.options.settings import Settings
from pytest_onnxaccel.runner.request import GOLDEN


def with_options(spec: ModelSpec, settings: Settings) -> ModelSpec:
    """*spec* with what the options say of every model in it.

    Raises:
        ConfigError: its budget is to be compared with something that nobody names.
    """
    named, source = settings.reference, None
    if named is not None and known.is_source(named):
        source, named = SourceSpec(named, settings.reference_shown, origin=settings.origin("reference")), None
    over = Overrides(
        rtol=settings.rtol,
        atol=settings.atol,
        batch=settings.batch if settings.batch.sizes else None,
        budget=settings.budget,
        backends=settings.backends,
        reference=named,
        source=source,
        libraries=settings.libraries,
        origins=settings.origins,
    )
    spec = overridden(spec, over)
    if spec.source is not None:
        spec = replace(spec, source=completed(spec.source, settings))
    if settings.golden:
        spec = replace(spec, golden=_golden(spec, settings))
    if settings.golden == "write" and spec.reference == GOLDEN:  # nothing is stored yet that could be compared with
        spec = replace(spec, reference=None)
    return _comparable(spec)


def _golden(spec: ModelSpec, settings: Settings) -> GoldenSpec:
    """Return what ``--onnx-golden`` says for *spec*; of a folder with one folder for each model, that of *spec*."""
    path, origin = settings.golden or "", settings.origin("golden")
    if path in ("write", "no"):
        return GoldenSpec("", path, origin)
    own = os.path.join(path, os.path.splitext(os.path.basename(spec.path))[0])
    path = own if os.path.isdir(own) else path
    return GoldenSpec(path, local(path), origin)


def completed(source: SourceSpec, settings: Settings) -> SourceSpec:
    """Return *source* with the loader and the trusted names that the run has for all; a function has neither."""
    if source.function:
        return source
    return replace(source, loader=source.loader or settings.loader, trusted=(*source.trusted, *settings.trusted))


def _comparable(spec: ModelSpec) -> ModelSpec:
    """Return *spec*, when what its budget is to be compared with is named."""
    found = spec.budget.regression
    if found is None or found[1] or (spec.reference or "").lower().endswith(".onnx"):
        return spec
    raise ConfigError(
        f"regression of {spec.name} has nothing to be compared with",
        subject=spec.budget.origin,
        remedy=f'name the baseline: --onnx-reference=main.onnx, or regression="{found[0] * 100:g}% git:origin/main"',
    )


def checked(spec: ModelSpec) -> ModelSpec:
    """Return *spec* of a manifest, when each backend that it names is registered.

    Raises:
        ConfigError: one is not.
    """
    try:
        for name in spec.backends:
            known.backend(name)
        if spec.reference is not None:
            known.reference(spec.reference)
        if spec.budget.speedup_over is not None:
            known.backend(spec.budget.speedup_over[0])
    except ConfigError as error:
        raise error.about(spec.origin) from None
    return spec
