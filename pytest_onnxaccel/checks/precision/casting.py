"""Two models whose inputs and outputs have other float types: fed and compared after the cast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.backends.protocol import Session, SessionInfo
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.precision import NARROW
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.core.specs import ModelInfo, Timing, TimingPlan

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.parity.noise_floor import Variants

_WIDE = ("float32", "float64")


@record(frozen=True)
class Casts:
    """What is cast so that two models can be fed and compared.

    Attributes:
        inputs, outputs: names with the candidate's type and the reference's.
    """

    inputs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    outputs: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.inputs or self.outputs)

    def narrow(self, side: int) -> frozenset[str]:
        """Return the narrow types of the candidate (0) or of the reference (1) where the other side is wide."""
        pairs = [*self.inputs.values(), *self.outputs.values()]
        return frozenset(pair[side] for pair in pairs if pair[side] in NARROW)

    def candidate(self, session: Session) -> Session:
        """Return *session* of the candidate, fed what both sides can hold, with outputs of the wider type."""
        rounded = {name: theirs for name, (ours, theirs) in self.inputs.items() if theirs in NARROW}
        return CastSession(session, rounded, {}, self._wider(0))

    def reference(self, session: Session) -> Session:
        """Return *session* of the reference, fed with the candidate's types, with outputs of the wider type."""
        return CastSession(session, {}, {name: theirs for name, (_, theirs) in self.inputs.items()}, self._wider(1))

    def variants(self, variants: Variants) -> Variants:
        """Return *variants* of the reference, each as the reference itself."""

        def opened() -> Iterator[tuple[str, Session | OnnxAccelError]]:
            for name, found in variants():
                yield name, found if isinstance(found, OnnxAccelError) else self.reference(found)

        return opened

    def _wider(self, side: int) -> dict[str, str]:
        wide = {name: next((d for d in pair if d in _WIDE), "float32") for name, pair in self.outputs.items()}
        return {name: dtype for name, dtype in wide.items() if self.outputs[name][side] != dtype}

    def note(self) -> str:
        """Return what was cast, in words."""
        told = [f"input {name!r} is {a}, in the reference {b}" for name, (a, b) in self.inputs.items()]
        told += [f"output {name!r} is {a}, in the reference {b}" for name, (a, b) in self.outputs.items()]
        return f"{counted(told, 200, '; ')}: cast for the comparison"


def casts_between(candidate: ModelInfo, reference: ModelInfo) -> Casts:
    """Return the inputs and outputs of one name that are narrow floats on one side and wide ones on the other."""
    return Casts(
        *(
            {
                name: (ours[name], theirs[name])
                for name in theirs
                if name in ours and _converted(ours[name], theirs[name])
            }
            for ours, theirs in (
                ({s.name: s.dtype for s in a}, {s.name: s.dtype for s in b})
                for a, b in ((candidate.inputs, reference.inputs), (candidate.outputs, reference.outputs))
            )
        )
    )


def _converted(a: str, b: str) -> bool:
    return a != b and {a, b} <= {*_WIDE, *NARROW} and bool({a, b} & set(NARROW))


class CastSession:
    """A session that is fed, and that answers, in other float types. It owns *session*.

    Args:
        rounded: types that inputs are rounded to before they are fed in their own, by name.
        fed: types that inputs are fed in, by name.
        given: types that outputs are given in, by name.
    """

    def __init__(
        self, session: Session, rounded: Mapping[str, str], fed: Mapping[str, str], given: Mapping[str, str]
    ) -> None:
        self._session, self._rounded, self._fed, self._given = session, rounded, fed, given

    @property
    def info(self) -> SessionInfo:
        return self._session.info

    @property
    def alive(self) -> bool:
        """Return whether it can still be asked."""
        return bool(getattr(self._session, "alive", True))

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        ready = {name: self._ready(name, array) for name, array in feeds.items()}
        found = self._session.run(ready)
        return {name: cast(array, self._given[name]) if name in self._given else array for name, array in found.items()}

    def _ready(self, name: str, array: Array) -> Array:
        if name in self._rounded:
            array = cast(cast(array, self._rounded[name]), array.dtype.name)
        return cast(array, self._fed[name]) if name in self._fed else array

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        return self._session.time({name: self._ready(name, array) for name, array in feeds.items()}, plan)

    def close(self) -> None:
        self._session.close()


def cast(array: Array, dtype: str) -> Array:
    """Return *array* as *dtype*, a name of NumPy's or ``bfloat16``; what is too large becomes infinite."""
    kind = np.dtype(dtype) if dtype != "bfloat16" else _bfloat16()
    with np.errstate(over="ignore", invalid="ignore"):
        found: Array = array.astype(kind)
    return found


def _bfloat16() -> np.dtype[Any]:
    import ml_dtypes

    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return found
