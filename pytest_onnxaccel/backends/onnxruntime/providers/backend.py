"""The backends ``ort-PROVIDER[:DEVICE]``: one class for all execution providers but the CPU's."""

from __future__ import annotations

import json
import os
import pkgutil
import platform
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pytest_onnxaccel.backends.distributions import onnxruntime_distributions, versions_of
from pytest_onnxaccel.backends.onnxruntime.providers import plugin_devices
from pytest_onnxaccel.backends.onnxruntime.providers.row import Pairs, ProviderRow, pairs
from pytest_onnxaccel.backends.onnxruntime.providers.wanted import Wanted
from pytest_onnxaccel.backends.protocol import Availability, LoadOptions, Session

_SYSTEMS = {"darwin": ("Darwin", "macOS"), "windows": ("Windows", "Windows")}


class OrtProvider:
    """One execution provider, on one of its devices.

    Args:
        row: the provider.
        device: as in ``ort-cuda:1``; empty for the row's own.
        options: of the provider.
        elsewhere: the user named an interpreter for it.
        spread: the device where none is chosen.
    """

    role = "runtime"
    keep_worker = False
    #: A provider may take an initializer that is an input for a constant, whatever it is fed; OpenVINO does
    overrides = False
    optimizes = True

    def __init__(
        self, row: ProviderRow, device: str = "", options: Pairs = (), elsewhere: bool = False, spread: str = ""
    ) -> None:
        self.row = row
        self._elsewhere = elsewhere
        self._wanted = Wanted(row, device, options, spread)
        self.name = self._wanted.backend
        self.environment = _environment(row, elsewhere)
        self.tunes = ("level", "binding", "provider", *(("threads",) if row.threads_option else ()))
        self.preload = (f"{__package__}.preload",) if self.environment else ("numpy", "onnxruntime")

    def with_options(self, options: Pairs, elsewhere: bool = False) -> OrtProvider:
        """Return it with the provider's *options*, and in an interpreter that was named for it if *elsewhere*."""
        return OrtProvider(self.row, self._wanted.device, options, elsewhere, self._wanted.spread)

    def for_process(self, number: int) -> OrtProvider:
        """Return it for the *number*-th of the processes that share a run: they are spread over the devices.

        A device that the user chose stays.
        """
        wanted = self._wanted
        devices = () if wanted.device else self._to_spread_over()
        if len(devices) < 2:
            return self
        return OrtProvider(self.row, "", wanted.options, self._elsewhere, devices[number % len(devices)])

    def _to_spread_over(self) -> tuple[str, ...]:
        if self.row.plugin and not self.row.devices:
            return () if self.environment else tuple(plugin_devices.alike(plugin_devices.asked(self.row.plugin)))
        return tuple(devices_here(self.row))

    @property
    def device_key(self) -> str:
        """Name of the device that no other device of this machine has; empty for the CPU."""
        wanted = self._wanted
        if wanted.runs_on == "cpu":
            return ""
        if self.row.plugin and not self.row.devices:
            place = "0" if wanted.place == "first" else wanted.place
            known = {} if self.environment else plugin_devices.names(plugin_devices.asked(self.row.plugin))
            return known.get(place, f"{self.row.name}:{place}")
        return devices_here(self.row).get(wanted.place, wanted.runs_on)

    @property
    def reference(self) -> str:
        """What a worker makes it from: it need not have the distribution that registered it."""
        wanted = self._wanted
        given = json.dumps([self.row.to_json(), wanted.device, wanted.options, wanted.spread])
        return f"{__name__}:from_text {given}"

    def availability(self) -> Availability:
        """Return whether it can be tried here; looks at metadata and files alone."""
        row, found = self.row, onnxruntime_distributions()
        if self.environment:
            return _in_environment(self.environment, row, self._wanted.runs_on)
        system, shown = _SYSTEMS.get(row.needs, ("", ""))
        if system and platform.system() != system:
            return Availability(False, f"{row.title} needs {shown}", f"{row.install}  # on {shown}", versions=found)
        if row.plugin:
            plugin = versions_of(row.plugin)
            if not found or not plugin:
                lacking = row.plugin if found else "onnxruntime"
                return Availability(False, f"{lacking} is not installed", row.install, versions={**found, **plugin})
            return Availability(True, versions={**found, **plugin}, devices=(self._wanted.runs_on,))
        present = [name for name in row.wheels if name in found]
        if not present:
            wheel = row.wheels[0] if row.wheels else row.title
            return Availability(False, f"{wheel} is not installed", row.install, versions=found)
        if len(found) > 1:
            other = next(name for name in found if name != present[0])
            install = row.libraries or f"python -m pip install {present[0]}"
            return Availability(
                False,
                f"{present[0]} and {other} are installed over each other",
                f"python -m pip uninstall -y {' '.join(found)} && {install}",
                versions=found,
            )
        return Availability(True, versions=found, devices=(self._wanted.runs_on,))

    def prepare(self, operators: Mapping[str, int], opset: int) -> str:
        """Return an empty preparation: the model is run as it is."""
        return ""

    def variants(self, options: LoadOptions) -> Iterator[tuple[str, LoadOptions]]:
        """Yield the provider's own legal ways to compute, whose differences are its noise."""
        for label, changes in self.row.variants:
            yield label, replace(options, provider=(*options.provider, *changes))

    def load(self, path: str, options: LoadOptions) -> Session:
        """Open the model; see :func:`~pytest_onnxaccel.backends.onnxruntime.providers.open_session.open_session`."""
        from pytest_onnxaccel.backends.onnxruntime.providers.open_session import open_session

        return open_session(self._wanted, path, options)


def from_text(given: str) -> OrtProvider:
    """Return the backend that :attr:`OrtProvider.reference` describes; called in a worker."""
    row, device, options, spread = json.loads(given)
    return OrtProvider(ProviderRow.from_json(row), device, pairs(options), spread=spread)


def devices_here(row: ProviderRow) -> Mapping[str, str]:
    """Return the devices of this machine that *row* knows of, each with its name; none where it does not know."""
    if not row.devices:
        return {}
    try:
        found = pkgutil.resolve_name(row.devices)()
        return {str(device): str(name) for device, name in found.items()}
    except Exception:  # of whoever wrote it: the worker will say whether the provider runs
        return {}


def _environment(row: ProviderRow, elsewhere: bool) -> str:
    """Return the name of the environment that it runs in; empty for this interpreter."""
    if elsewhere or os.environ.get(f"ONNXACCEL_PYTHON_{row.backend.upper().replace('-', '_')}"):
        return row.backend
    if not row.environment or set(row.wheels) & set(onnxruntime_distributions()):
        return ""
    return row.backend


def _in_environment(name: str, row: ProviderRow, device: str) -> Availability:
    from pytest_onnxaccel.environments import locate

    found, build = locate.interpreter(name), row.install
    if found is not None:
        return Availability(True, versions=locate.versions(found), devices=(device,))
    named = locate.configured(name)
    if named is not None:
        return Availability(False, f"the interpreter named for {name} does not exist: {named}", build)
    return Availability(False, f"the isolated environment {name} is not built", build)
