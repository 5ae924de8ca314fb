"""Providers that are libraries of their own, ``onnxruntime-ep-*``: found by metadata, registered in a worker."""

from __future__ import annotations

import importlib
from typing import Any

from pytest_onnxaccel.backends.distributions import onnxruntime_distributions, versions_of
from pytest_onnxaccel.backends.onnxruntime.providers.row import ProviderRow
from pytest_onnxaccel.core.errors import BackendUnavailable, printable
from pytest_onnxaccel.core.lookup.registry import PLUGIN_PREFIX


def plugin_row(backend: str) -> ProviderRow:
    """Return the row of a provider that is a plugin.

    Args:
        backend: ``ort-ep-openvino`` for the distribution ``onnxruntime-ep-openvino``.
    """
    distribution = PLUGIN_PREFIX + backend.removeprefix("ort-ep-")
    return ProviderRow(
        backend.removeprefix("ort-"),
        "",
        f"the plugin {distribution}",
        install=f"python -m pip install onnxruntime {distribution}",
        device="first",
        plugin=distribution,
    )


def devices_of(row: ProviderRow, device: str) -> tuple[str, list[Any]]:
    """Register the plugin of *row*, and return its provider's name and the devices to use.

    Args:
        row: its ``plugin`` names the distribution.
        device: a number among the devices that it offers; empty for the first.

    Raises:
        BackendUnavailable: it cannot be imported or registered, or offers no such device.
    """
    found = offered(row)
    chosen = _numbered(found, device)
    if chosen is None:
        raise BackendUnavailable(
            f"{row.plugin} offers {len(found)} device(s), and no device {device!r}",
            remedy=f"write ort-{row.name}:0 to ort-{row.name}:{len(found) - 1}",
        )
    return str(chosen.ep_name), [chosen]


def offered(row: ProviderRow) -> list[Any]:
    """Register the plugin of *row* in this process, and return the devices that it offers, in its order.

    Raises:
        BackendUnavailable: it cannot be imported or registered, or offers none.
    """
    import onnxruntime as ort

    try:
        module = importlib.import_module(row.plugin.replace("-", "_"))
        names = [str(name) for name in module.get_ep_names()]
        library = str(module.get_library_path())
    except Exception as error:  # of whoever wrote it
        raise BackendUnavailable(
            f"{row.plugin} cannot be used: {type(error).__name__}: {printable(str(error), 160)}",
            remedy=f"python -m pip install --force-reinstall {row.plugin}",
        ) from None
    if not any(found.ep_name in names for found in ort.get_ep_devices()):
        try:
            ort.register_execution_provider_library(row.plugin, library)
        except Exception as error:  # of ONNX Runtime
            raise BackendUnavailable(
                f"the library of {row.plugin} cannot be registered: {printable(str(error), 160)}",
                remedy="install a release that fits this onnxruntime",
            ) from None
    found = [item for item in ort.get_ep_devices() if item.ep_name in names]
    if not found:
        raise BackendUnavailable(
            f"{' and '.join(names)} of {row.plugin} is registered, and offers no device on this machine",
            remedy=f"python -m pip uninstall -y {row.plugin}  # or run it where there is such a device",
        )
    return found


def _numbered(found: list[Any], device: str) -> Any:
    if device in ("", "first"):
        return found[0]
    return found[int(device)] if device.isdecimal() and int(device) < len(found) else None


def versions(row: ProviderRow) -> dict[str, str]:
    """Return the versions of a plugin and of the ONNX Runtime that it is registered with."""
    return {**onnxruntime_distributions(), **versions_of(row.plugin)}
