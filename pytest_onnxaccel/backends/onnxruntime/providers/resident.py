"""The second clock: calls whose inputs and outputs stay on the device, where a pipeline on it would have them."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.onnxruntime.providers.wanted import Wanted
from pytest_onnxaccel.backends.onnxruntime.session import OrtSession, run_error
from pytest_onnxaccel.backends.onnxruntime.typed_values import typed
from pytest_onnxaccel.core.specs import Timing, TimingPlan
from pytest_onnxaccel.numerics.timing.loop import measure

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Share of the time of the first clock that the second one takes.
_SHARE = 0.3


class ProviderSession(OrtSession):
    """A session of an execution provider."""

    _memory, _device = "cpu", 0
    _wanted: Wanted | None = None

    def on(self, wanted: Wanted) -> ProviderSession:
        """Return the session, which knows where its tensors are."""
        self._wanted, device = wanted, wanted.place
        self._memory = wanted.row.memory
        self._device = int(device) if device.isdecimal() and self._memory != "cpu" else 0
        return self

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        """Time as ever; where the plan asks for it, also with tensors that stay on the device."""
        found = super().time(feeds, plan)
        if not plan.resident or not self._bindable():
            return found
        second = replace(plan, samples=max(1, plan.samples // 2), seconds=plan.seconds * _SHARE)
        try:
            return replace(found, device_ns=measure(self.resident(feeds)[0], second).wall_ns)
        except Exception as error:
            raise run_error(error) from None

    @property
    def device_memory_mb(self) -> float | None:
        """What this process has on the device now, MB: an arena keeps what it had at its largest; None if not told."""
        if self._wanted is None or not self._wanted.row.memory_used:
            return None
        try:
            told = pkgutil.resolve_name(self._wanted.row.memory_used)(self._wanted.place)
        except Exception:  # of whoever wrote it
            return None
        return None if told is None else float(told)

    def resident(self, feeds: Mapping[str, Array]) -> tuple[Callable[[], None], Callable[[], dict[str, Array]]]:
        """Return the call on tensors that are on the device already, and what fetches its outputs, for proofs."""
        import onnxruntime as ort

        binding = self._session.io_binding()
        # The values must outlive the calls, which only refer to them
        kept = {
            name: ort.OrtValue.ortvalue_from_numpy(array, self._memory, self._device) for name, array in feeds.items()
        }
        for name, value in kept.items():
            binding.bind_ortvalue_input(name, value)
        for spec in self.info.outputs:
            binding.bind_output(spec.name, self._memory, self._device)
        run = self._session.run_with_iobinding

        def call() -> None:
            run(binding)
            binding.synchronize_outputs()

        def fetch() -> dict[str, Any]:
            assert kept is not None
            return dict(zip(self._names, binding.copy_outputs_to_cpu(), strict=True))

        return call, fetch

    def _bindable(self) -> bool:
        specs = (*self.info.inputs, *self.info.outputs)
        plain = all(spec.kind == "tensor" and spec.dtype != "string" for spec in specs)
        return plain and not typed(specs)
