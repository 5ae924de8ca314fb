"""Golden outputs as a session: it gives what is stored for the inputs that it is fed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from pytest_onnxaccel.backends.protocol import SessionInfo
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import ModelInfo, Timing, TimingPlan
from pytest_onnxaccel.golden.sets import GoldenSet
from pytest_onnxaccel.numerics.unpacked import unpacked

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


class GoldenSession:
    """Answers from *sets*; what it was never given it refuses.

    Args:
        info: what the model declares.
        notes: facts that qualify results, such as which sets these are.
    """

    alive = True

    def __init__(self, sets: Sequence[GoldenSet], info: ModelInfo, notes: Sequence[str] = ()) -> None:
        self.info = SessionInfo(info.inputs, info.outputs, notes=tuple(notes))
        self._answers = {_digest(one.inputs): one.outputs for one in reversed(sets)}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return the stored outputs for *feeds*; for sequences, maps and optionals, the arrays in them.

        Raises:
            ModelError: ``E_INPUT``: nothing is stored for these.
        """
        found = self._answers.get(_digest(feeds))
        if found is None:
            raise ModelError("no golden outputs are stored for these inputs", code="E_INPUT")
        given: dict[str, Array] = {}
        for name, value in found.items():
            given |= {name: value} if isinstance(value, np.ndarray) else unpacked(name, value)
        return given

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ModelError("golden data cannot be timed", code="E_INPUT")

    def close(self) -> None:
        """Do nothing: nothing is held."""


def _digest(feeds: Mapping[str, Array]) -> bytes:
    found = hashlib.sha256()
    for name in sorted(feeds):
        array = np.asarray(feeds[name])
        found.update(f"{name}\0{array.dtype.name}\0{array.shape}\0".encode("utf-8", "surrogatepass"))
        texts = array.dtype.hasobject
        found.update(repr(array.tolist()).encode("utf-8", "surrogatepass") if texts else array.tobytes())
    return found.digest()
