"""What is known of one execution provider: plain data, which also travels to a worker of another interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any

from pytest_onnxaccel.core.frozen import record

#: Options as (key, value), in ONNX Runtime's words.
Pairs = tuple[tuple[str, str], ...]


@record(frozen=True)
class ProviderRow:
    """One execution provider.

    Attributes:
        name: the backend is called ``ort-NAME``.
        provider: ONNX Runtime's name of it, such as ``CUDAExecutionProvider``.
        title: what people call it.
        wheels: distributions whose module ``onnxruntime`` has it.
        install: the command that installs it.
        libraries: the command that installs what else it needs; empty where the wheel holds all.
        device: device by default; empty where there is nothing to choose.
        device_option: the provider's option that takes the device of ``ort-NAME:DEVICE``; empty where it has none.
        threads_option: the provider's option that takes a number of threads.
        options: kind of value by option: ``int``, ``bool``, ``number``, ``text``, or ``one|of|these``.
        devices: ``module:function`` that returns this machine's devices: from what ``ort-NAME:DEVICE`` takes to a name
            that no other device has. Workers of pytest-xdist are spread over them, and each has a lock. Empty where
            they are not known without the provider's libraries.
        memory_used: ``module:function`` that tells the megabytes that its process, a worker, has on a device, or None;
            empty where nothing tells.
        memory: where ONNX Runtime keeps its tensors: ``cuda``, ``dml``, or ``cpu``.
        needs: ``nvidia`` (a driver), ``darwin`` or ``windows``; empty where any machine may have it.
        environment: an environment of its own can be built, next to another ONNX Runtime.
        plugin: distribution of a provider that is a library of its own, registered at run time.
        lacks: what it cannot hold or changes, for documents and messages.
        variants: other legal ways to compute, by label: what their outputs differ by is the provider's noise.
        tries: what advice tries, by title.
    """

    name: str
    provider: str
    title: str
    wheels: tuple[str, ...] = ()
    install: str = ""
    libraries: str = ""
    device: str = ""
    device_option: str = ""
    threads_option: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    devices: str = ""
    memory_used: str = ""
    memory: str = "cpu"
    needs: str = ""
    environment: bool = False
    plugin: str = ""
    lacks: str = ""
    variants: tuple[tuple[str, Pairs], ...] = ()
    tries: tuple[tuple[str, Pairs], ...] = ()

    @property
    def backend(self) -> str:
        """Name of the backend."""
        return f"ort-{self.name}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ProviderRow:
        values = dict(data)
        values["wheels"] = tuple(values["wheels"])
        for name in ("variants", "tries"):
            values[name] = tuple((label, pairs(options)) for label, options in values[name])
        return cls(**values)


def pairs(options: Any) -> Pairs:
    """Return options, a mapping or what JSON made of pairs, as pairs of texts."""
    listed = options.items() if isinstance(options, Mapping) else options
    return tuple((str(key), str(value)) for key, value in listed)
