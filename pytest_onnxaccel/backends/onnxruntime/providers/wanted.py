"""What is to be opened: a provider, one of its devices, and its options."""

from __future__ import annotations

from dataclasses import field

from pytest_onnxaccel.backends.onnxruntime.providers.row import Pairs, ProviderRow
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.frozen import record


@record(frozen=True)
class Wanted:
    """What is to be opened.

    Attributes:
        row: the provider.
        device: as in ``ort-NAME:DEVICE``; empty for the row's own.
        options: of the provider, as the user gave them.
        spread: the device where none is chosen; empty for the row's own.
    """

    row: ProviderRow
    device: str = ""
    options: Pairs = field(default_factory=tuple)
    spread: str = ""

    @property
    def backend(self) -> str:
        """Name of the backend, with the device where one is chosen."""
        return self.row.backend + (f":{self.device}" if self.device else "")

    @property
    def place(self) -> str:
        """The device in the provider's words; empty where there is nothing to choose."""
        return self.device or self.spread or self.row.device

    @property
    def runs_on(self) -> str:
        """The device in words: ``cuda:1``, ``openvino:GPU``, ``cpu``."""
        device = self.place
        return "cpu" if device in ("", "CPU") else f"{self.row.name}:{device}"

    def given(self, options: LoadOptions) -> Pairs:
        """Return the provider's options: those of the device, of *options*, and the user's, which come last."""
        found: dict[str, str] = {}
        device = self.place
        if device and self.row.device_option:
            found[self.row.device_option] = device
        if options.threads is not None and self.row.threads_option:
            found[self.row.threads_option] = str(options.threads)
        found |= dict(self.options)
        found |= dict(options.provider)
        return tuple(found.items())
