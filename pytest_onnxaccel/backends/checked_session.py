"""A session that only takes what its model declares: some runtimes do not check and run a wrong batch in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session, SessionInfo
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.printing import named
from pytest_onnxaccel.core.specs import TensorSpec, Timing, TimingPlan, dtype_label

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.numerics.queueing.arrivals import Paced, PacePlan


def check_feeds(specs: Sequence[TensorSpec], feeds: Mapping[str, Array]) -> None:
    """Compare *feeds* with the declared inputs: names, dtypes, ranks, fixed sizes and shared symbols.

    Raises:
        ModelError: ``E_INPUT``, naming the input, what it takes and what it got.
    """
    declared = {spec.name for spec in specs}
    parts = [(part, part is spec) for spec in specs for part in _fed(spec, feeds)]
    taken = {part.name for part, _ in parts}
    for name in feeds:
        if name not in taken:
            raise ModelError(f"no input is called {name!r}; the inputs are {named(sorted(declared))}", code="E_INPUT")
    symbols: dict[str, tuple[int, str]] = {}
    for spec, whole in parts:
        if spec.name not in feeds:
            raise ModelError(f"input {spec.name!r} was not fed", code="E_INPUT", remedy=f"feed {spec}")
        # Each element of a sequence has sizes of its own, whatever the declaration calls them
        _check_one(spec, feeds[spec.name], symbols if whole else {})


def _fed(spec: TensorSpec, feeds: Mapping[str, Array]) -> list[TensorSpec]:
    """Return what of *feeds* is fed to *spec*: each element of a sequence; an optional may be missing."""
    if spec.holds_tensors and spec.name not in feeds:
        parts = [spec.element(0)]
        while parts[-1].name in feeds:
            parts.append(spec.element(len(parts)))
        return parts[:-1]
    return [] if spec.kind.startswith("optional") and spec.name not in feeds else [spec]


def _check_one(spec: TensorSpec, array: Array, symbols: dict[str, tuple[int, str]]) -> None:
    # Names and shapes only: this runs for third-party arrays too, so nothing here may need numpy itself
    if not hasattr(array, "dtype"):
        got = type(array).__name__
        raise ModelError(f"input {spec.name!r} takes an array, got {got}", code="E_INPUT", remedy="feed NumPy arrays")
    shape, dtype = tuple(array.shape), array.dtype
    if spec.dtype and dtype_label(dtype) != spec.dtype:
        raise ModelError(f"input {spec.name!r} takes {spec.dtype}, got {dtype.name}", code="E_INPUT")
    if dtype.byteorder == ">" or (dtype.byteorder == "=" and not _little()):
        raise ModelError(
            f"input {spec.name!r} is big-endian, which runtimes misread in silence",
            code="E_INPUT",
            remedy="convert it with .astype(dtype.newbyteorder('='))",
        )
    if spec.shape is None:
        return
    got = "x".join(map(str, shape)) or "a scalar"
    if len(shape) != len(spec.shape):
        raise ModelError(f"input {spec} has rank {len(spec.shape)}, got {got}", code="E_INPUT")
    for axis, (want, have) in enumerate(zip(spec.shape, shape, strict=True)):
        if isinstance(want, str):
            first = symbols.setdefault(want, (have, spec.name))
            if first[0] != have:
                cause = f"{want!r} is {first[0]} in input {first[1]!r} but {have} in {spec.name!r}"
                raise ModelError(cause, code="E_INPUT", remedy="feed equal sizes")
        elif want is not None and want != have:
            raise _wrong_size(spec, axis, want, have, got)


def _wrong_size(spec: TensorSpec, axis: int, want: int, have: int, got: str) -> ModelError:
    if axis == 0:
        return ModelError(
            f"the model is frozen to batch {want} and was fed batch {have} (input {spec}, got {got})",
            code="E_INPUT",
            remedy=f"freeze it to batch {have} before running it",
        )
    return ModelError(f"input {spec} takes size {want} on axis {axis}, got {got}", code="E_INPUT")


def _little() -> bool:
    import sys

    return sys.byteorder == "little"


class CheckedSession:
    """Checks feeds, speaks the model's own names, and otherwise passes everything on.

    Args:
        session: what runs.
        inputs, outputs: the model's declared inputs and outputs.
        renamed: the session's name by the model's name, where a prepared copy with other names runs.
        notes: facts to add to the session's own.
    """

    def __init__(
        self,
        session: Session,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        renamed: Mapping[str, str] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self._session = session
        self._inputs = tuple(inputs)
        self._renamed = dict(renamed or {})
        self._original = {new: old for old, new in self._renamed.items()}
        info = session.info
        self.info = SessionInfo(
            inputs=self._inputs,
            outputs=tuple(self._as_original(spec) for spec in info.outputs),
            warnings=info.warnings,
            notes=(*info.notes, *notes),
            facts=info.facts,
        )

    def _as_original(self, spec: TensorSpec) -> TensorSpec:
        return TensorSpec(self._original.get(spec.name, spec.name), spec.dtype, spec.shape, spec.kind)

    @property
    def alive(self) -> bool:
        """It can still be asked; False once the worker that holds it is gone."""
        return bool(getattr(self._session, "alive", True))

    @property
    def peak_memory_mb(self) -> float | None:
        """Peak resident size of the worker that runs the session, MB; None where it is not known."""
        return getattr(self._session, "peak_memory_mb", None)

    @property
    def device_memory_mb(self) -> float | None:
        """What the process that runs the session has on its device, MB; None where that is not told."""
        return getattr(self._session, "device_memory_mb", None)

    @property
    def run_memory_mb(self) -> float | None:
        """Peak resident size of the worker after the last run that was not timed, MB; None where it is not known."""
        return getattr(self._session, "run_memory_mb", None)

    def bare(self, feeds: Mapping[str, Array]) -> tuple[Session, dict[str, Array]]:
        """Return the session itself, with *feeds* checked and under its own names."""
        return self._session, self._feeds(feeds)

    def _feeds(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        check_feeds(self._inputs, feeds)
        return {self._renamed.get(name, name): array for name, array in feeds.items()}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        outputs = self._session.run(self._feeds(feeds))
        return {self._original.get(name, name): array for name, array in outputs.items()}

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        return self._session.time(self._feeds(feeds), plan)

    def pace(self, feeds: Mapping[str, Array], plan: PacePlan) -> Paced:
        """Make calls at a client's pace, in the worker where there is one."""
        ready, hosted = self._feeds(feeds), getattr(self._session, "pace", None)
        if hosted is not None:
            found: Paced = hosted(ready, plan)
            return found
        from pytest_onnxaccel.numerics.queueing.arrivals import caller, pace

        return pace(caller(self._session, ready), plan)

    def close(self) -> None:
        self._session.close()


def bare(session: Session, feeds: Mapping[str, Array]) -> tuple[Session, Mapping[str, Array]]:
    """Return *session* without its guard, and *feeds*, which the guard has checked, under the session's own names."""
    while isinstance(session, CheckedSession):
        session, feeds = session.bare(feeds)
    return session, feeds
