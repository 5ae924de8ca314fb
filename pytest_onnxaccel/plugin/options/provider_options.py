"""Options of execution providers: ``ort-cuda.use_tf32=0``, and the manifest's ``[backends.ort-cuda]``."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_onnxaccel.backends.lookup import backend
from pytest_onnxaccel.backends.onnxruntime.providers.backend import OrtProvider
from pytest_onnxaccel.backends.onnxruntime.providers.row import Pairs
from pytest_onnxaccel.backends.onnxruntime.providers.values import checked, fitting
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.plugin.options import names as known

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
