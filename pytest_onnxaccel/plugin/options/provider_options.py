"""Options of execution providers: ``ort-cuda.use_tf32=0``, and the manifest's ``[backends.ort-cuda]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_onnxaccel.backends.lookup import backend
from pytest_onnxaccel.backends.onnxruntime.providers.backend import OrtProvider
from pytest_onnxaccel.backends.onnxruntime.providers.row import Pairs
from pytest_onnxaccel.backends.onnxruntime.providers.values import checked, fitting
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.plugin.options import names as known
from pytest_onnxaccel.plugin.options.settings import Settings

#: Options by backend.
Providers = dict[str, Pairs]


def parsed(given: Mapping[str, str]) -> Providers:
    """Return the options by backend of entries such as ``{"ort-cuda.use_tf32": "0"}``.

    Raises:
        ConfigError: an entry names no execution provider, or a value does not fit its option.
    """
    found: dict[str, dict[str, object]] = {}
    for name, value in given.items():
        base, dot, key = name.partition(".")
        if not dot or not key:
            raise ConfigError(f"{name!r} names no option of a backend", remedy="write ort-openvino.num_of_threads=1")
        found.setdefault(base, {})[key] = value
    return {name: _checked(name, options) for name, options in found.items()}


def declared(tables: Mapping[str, Mapping[str, object]], manifest: str) -> Providers:
    """Return the options by backend of a manifest's tables ``[backends.NAME]``.

    Raises:
        ConfigError: as :func:`parsed`.
    """
    found = {}
    for name, options in tables.items():
        try:
            found[name] = _checked(name, options)
        except ConfigError as error:
            raise error.about(f"{manifest} [backends.{name}]") from None
    return found


def merged(under: Providers, over: Providers) -> Providers:
    """Return both; where both say something of one key, *over* counts."""
    return {name: tuple(dict((*under.get(name, ()), *over.get(name, ()))).items()) for name in {**under, **over}}


def refuse_idle(given: Sequence[str], settings: Settings, models: Sequence[ModelSpec]) -> None:
    """Refuse options of an execution provider that takes no part in the run: nobody would see that they did nothing.

    What a manifest or an ini file says may be for another run. Options of other backends may be for a conversion.

    Args:
        given: backends that the command line has options for.
        settings: of the run.
        models: of the run, with what the options say in them.

    Raises:
        ConfigError: the run names its backends, and one that is given options is not among them.
    """
    named = [spec.backends for spec in models] or [settings.backends]
    budgets = [settings.budget, *(spec.budget for spec in models)]
    if not all(named) or settings.advise is not None or any(budget.advise for budget in budgets):
        return  # every backend that runs here is part of it, or advice tries further ones
    part = list(dict.fromkeys([*(name for names in named for name in names), *settings.required]))
    references = [settings.reference, *(spec.reference for spec in models)]
    compared = [budget.speedup_over[0] for budget in budgets if budget.speedup_over is not None]
    taking = {registry.split_device(name)[0] for name in (*part, *compared, *references) if name}
    for name in given:
        if name not in taking and isinstance(backend(name), OrtProvider):
            raise ConfigError(
                f"{name} takes no part in this run, which is on {', '.join(part)}",
                remedy=f"add {name} to --onnx-backend; [backends.{name}] of a manifest may be for other runs",
            )


def _checked(name: str, options: Mapping[str, object]) -> Pairs:
    known.backend(name)
    if registry.split_device(name)[1]:
        raise ConfigError(f"{name!r} names a device", remedy=f"name the backend alone: {name.partition(':')[0]}")
    made = backend(name)
    if isinstance(made, OrtProvider):
        return checked(made.row, options)
    kinds = getattr(made, "settings", None)
    if kinds is None or not hasattr(made, "with_options"):
        raise ConfigError(f"{name} takes no provider options", remedy="name an execution provider, such as ort-cuda")
    found = fitting(name, kinds, options)
    made.with_options(found)  # refuses what cannot be
    return found
