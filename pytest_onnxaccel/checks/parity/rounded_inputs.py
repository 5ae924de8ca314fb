"""The reference on inputs that are rounded differently: what an engine of another order of sums may be off by.

Source: backward error analysis (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., 1.5): what a stable
algorithm computes is the exact result of inputs that are a few roundings off.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.backends.protocol import Session, SessionInfo
from pytest_onnxaccel.core.errors import OnnxAccelError

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.core.specs import Timing, TimingPlan

#: So often the inputs are rounded again.
TIMES = 3


class NudgedSession:
    """A session whose float inputs are each one unit in the last place off, up or down.

    Args:
        session: runs what is fed; it is not closed with this one.
        seed: chooses which go up.
    """

    def __init__(self, session: Session, seed: int) -> None:
        self._session = session
        self._seed = seed

    @property
    def info(self) -> SessionInfo:
        return self._session.info

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        return self._session.run({name: self._nudged(name, array) for name, array in feeds.items()})

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        return self._session.time(feeds, plan)

    def close(self) -> None:
        """Leave the session open: it is the reference's own."""

    def _nudged(self, name: str, array: Any) -> Any:
        if array.dtype.kind != "f":
            return array
        rng = np.random.default_rng([self._seed, zlib.crc32(name.encode())])
        to = np.where(rng.random(array.shape) < 0.5, -np.inf, np.inf).astype(array.dtype)
        # Zeros stay: padding and masks are exact
        return np.where(array == 0, array, np.nextafter(array, to))


def nudged(session: Session) -> Iterator[tuple[str, Session | OnnxAccelError]]:
    """Yield variants of *session*, by how its inputs are rounded."""
    for seed in range(TIMES):
        yield f"inputs rounded differently, {seed + 1}", NudgedSession(session, seed)
