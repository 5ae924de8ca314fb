"""A model loaded in TensorFlow: runs and times it. Needs the standard library and NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import SessionInfo
from pytest_onnxaccel.core.errors import ModelError, printable
from pytest_onnxaccel.core.specs import TensorSpec, Timing, TimingPlan
from pytest_onnxaccel.numerics.timing.loop import measure

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


class TensorflowSession:
    """See :class:`pytest_onnxaccel.backends.protocol.Session`.

    Args:
        call: takes one array per input of *info* in its order, gives one per output.
    """

    def __init__(
        self,
        call: Callable[..., list[Any]],
        close: Callable[[], None],
        info: SessionInfo,
    ) -> None:
        self._call: Callable[..., list[Any]] | None = call
        self._free = close
        self._info = info

    @property
    def info(self) -> SessionInfo:
        return self._info

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run once; TensorFlow itself would take a batch that the model does not declare.

        Raises:
            ModelError: ``E_INPUT``: names, types or shapes differ from the declared ones; ``E_RUN``:
            TensorFlow failed.
        """
        found = self._checked_call(feeds)()
        import numpy as np

        return {spec.name: np.asarray(value) for spec, value in zip(self._info.outputs, found, strict=True)}

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        """Time the calls alone: arrays in, arrays out.

        Raises:
            ModelError: as :meth:`run`.
        """
        return measure(self._checked_call(feeds), plan)

    def timer(self, feeds: Mapping[str, Array]) -> Callable[[], list[Any]]:
        """Return the call that :meth:`time` times."""
        return self._checked_call(feeds)

    def close(self) -> None:
        """Free the graph and its threads."""
        if self._call is not None:
            self._call = None
            self._free()

    def _checked_call(self, feeds: Mapping[str, Array]) -> Callable[[], list[Any]]:
        call = self._call
        if call is None:
            raise ModelError("the session is closed", code="E_RUN")
        names = [spec.name for spec in self._info.inputs]
        if set(feeds) != set(names):
            raise _refused(f"takes the inputs {', '.join(names)}, was given {', '.join(feeds)}")
        for spec in self._info.inputs:
            _check(spec, feeds[spec.name])
        arrays = [feeds[name] for name in names]

        def guarded() -> list[Any]:
            try:
                return call(*arrays)
            except Exception as error:
                cause = printable(f"{type(error).__name__}: {_own_words(str(error))}", 200)
                raise ModelError(f"TensorFlow failed on these inputs: {cause}", code="E_RUN") from error

        return guarded


def _check(spec: TensorSpec, array: Array) -> None:
    if spec.dtype != "string" and array.dtype.name != spec.dtype:
        raise _refused(f"input {spec.name!r} is {spec.dtype}, was given {array.dtype.name}")
    if spec.shape is None:
        return
    fits = len(spec.shape) == array.ndim and all(
        not isinstance(want, int) or want == got for want, got in zip(spec.shape, array.shape, strict=True)
    )
    if not fits:
        want = "x".join("?" if dim is None else str(dim) for dim in spec.shape)
        raise _refused(f"input {spec.name!r} is {want}, was given {'x'.join(map(str, array.shape))}")


def _refused(cause: str) -> ModelError:
    return ModelError(cause, code="E_INPUT", remedy="feed what the model declares")


def _own_words(text: str) -> str:
    """Return TensorFlow's message without the stack of the graph's construction, which precedes and follows it."""
    before, _, after = text.partition("[[")
    lines = [line.strip() for line in (before or after).splitlines() if line.strip()]
    return lines[-1] if lines else text
