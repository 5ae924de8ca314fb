"""Where TensorFlow computes: the CPU unless the user names another device, and how much of its memory it takes."""

from __future__ import annotations

import re
from typing import Any

from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError
from pytest_onnxaccel.core.frozen import record

#: Kind of value by setting, as :mod:`pytest_onnxaccel.backends.onnxruntime.providers.values` checks them.
SETTINGS = {"device": "text", "memory_fraction": "number", "soft_placement": "bool"}


@record(frozen=True)
class Device:
    """A device of TensorFlow.

    Attributes:
        index: of a GPU; None for the CPU.
        memory_fraction: share of the GPU's memory that the process takes; None for TensorFlow's own choice.
        soft_placement: operators without a kernel for the GPU may run on the CPU.
    """

    index: int | None = None
    memory_fraction: float | None = None
    soft_placement: bool = False

    @classmethod
    def parse(cls, options: tuple[tuple[str, str], ...]) -> Device:
        """Read ``device=CUDA:0``, ``memory_fraction=0.7``, ``soft_placement=1``.

        Raises:
            ConfigError: a setting that is not known, or a value that cannot be.
        """
        found = dict(options)
        for name in found:
            if name not in SETTINGS:
                raise ConfigError(f"onnx-tf has no setting {name!r}", remedy=f"known: {', '.join(SETTINGS)}")
        device = found.get("device", "CPU")
        match = re.fullmatch(r"(?:CPU|(?:CUDA|GPU):([0-9]+))", device, re.IGNORECASE)
        if match is None:
            raise ConfigError(f"{device!r} is not a device of TensorFlow", remedy="write CPU or CUDA:0")
        fraction = float(found["memory_fraction"]) if "memory_fraction" in found else None
        if fraction is not None and not 0 < fraction <= 1:
            raise ConfigError(f"the memory fraction {fraction:g} is not above 0 and at most 1", remedy="write 0.7")
        index = None if match[1] is None else int(match[1])
        if index is None and (fraction is not None or "soft_placement" in found):
            raise ConfigError("memory_fraction and soft_placement are of a GPU", remedy="add device=CUDA:0")
        return cls(index, fraction, found.get("soft_placement", "0") in ("1", "true", "True"))

    def __str__(self) -> str:
        return "CPU" if self.index is None else f"CUDA:{self.index}"

    @property
    def scope(self) -> str:
        """What ``tf.device`` takes."""
        return "/CPU:0" if self.index is None else f"/GPU:{self.index}"

    def insist(self, tf: Any) -> None:
        """Refuse a GPU that TensorFlow does not see: it would compute on the CPU in silence.

        Raises:
            BackendUnavailable: it sees fewer.
        """
        if self.index is None:
            return
        seen = len(tf.config.list_physical_devices("GPU"))
        if self.index >= seen:
            raise BackendUnavailable(
                f"TensorFlow sees {seen} GPUs, and {self} was asked for: it would compute on the CPU",
                remedy="python -m pytest_onnxaccel env onnx-tf --gpu, or --onnx-python=onnx-tf=PATH; and a driver",
            )

    def configure(self, config: Any) -> None:
        """Set what a ``ConfigProto`` says of the device."""
        if self.index is None:
            config.device_count["GPU"] = 0
            return
        config.allow_soft_placement = self.soft_placement
        if self.memory_fraction is not None:
            config.gpu_options.per_process_gpu_memory_fraction = self.memory_fraction
