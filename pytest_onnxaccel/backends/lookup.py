"""A backend by its registered name. One that cannot be imported is a backend that does not run here, not a crash."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_onnxaccel.backends.protocol import GROUP, Availability, Backend, LoadOptions, Session
from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError, printable
from pytest_onnxaccel.core.lookup import registry


def backend(name: str) -> Backend:
    """Return the backend registered as *name*.

    Raises:
        ConfigError: nothing has that name; the nearest one is named.
    """
    try:
        base, device = registry.split_device(name)
        point = registry.point(GROUP, base)
        if point is not None and point.group in (registry.PROVIDERS, registry.PLUGIN_PREFIX):
            return _provider(base, device, point.group == registry.PLUGIN_PREFIX)
        made = registry.load(GROUP, name)()
    except ConfigError:
        raise
    except Exception as error:  # of whoever wrote it
        return Broken(name, f"{type(error).__name__}: {error}")
    if not isinstance(made, Backend):
        return Broken(name, f"{registry.reference(GROUP, name)} gives a {type(made).__name__}, not a Backend")
    return made


def _provider(name: str, device: str, plugin: bool) -> Backend:
    """Return the backend of an execution provider's row."""
    from pytest_onnxaccel.backends.onnxruntime.providers.backend import OrtProvider
    from pytest_onnxaccel.backends.onnxruntime.providers.row import ProviderRow

    row = registry.load(GROUP, name)
    row = row(name) if plugin else row
    if not isinstance(row, ProviderRow):
        return Broken(name, f"{registry.reference(GROUP, name)} gives a {type(row).__name__}, not a ProviderRow")
    return OrtProvider(row, device)


def reference(name: str, made: Backend) -> str:
    """Return what a worker makes backend *name* from, which is *made* here."""
    found: str = getattr(made, "reference", "")
    return found or registry.reference(GROUP, name)


class Broken:
    """Stands for a registered backend that cannot be made."""

    role = "runtime"
    environment = ""
    keep_worker = False

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = printable(why, 200)

    def availability(self) -> Availability:
        """Return that it does not run here, and why."""
        return Availability(False, f"it cannot be loaded: {self.why}", "fix or uninstall the package that registers it")

    def prepare(self, operators: Mapping[str, int], opset: int) -> str:
        """Return an empty preparation: there is nothing to prepare."""
        return ""

    def load(self, path: str, options: LoadOptions) -> Session:
        """Refuse to load.

        Raises:
            BackendUnavailable: why it cannot be loaded.
        """
        raise BackendUnavailable(self.availability().reason, subject=self.name)
