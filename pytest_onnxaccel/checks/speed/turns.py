"""Sessions that take turns: a block of each, in a drawn order and at once in the reverse one.

Each is as it is deployed, and idle threads of most runtimes spin for a while for their next call: ONNX Runtime's took
35 ms of CPU time after a call, PyTorch's 9 ms. What comes next waits for that to end.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from pytest_onnxaccel.checks.latency.paired_ratio import Arm, calls_of_block, warm
from pytest_onnxaccel.isolation.remote_blocks import take_blocks
from pytest_onnxaccel.numerics.timing.interleave import Alternation

#: Seconds before each block.
REST = 0.05


class Turns:
    """Takes blocks of *arms*, each as long as its own calls need.

    Args:
        arms: by key; no session is used by two.
        rest: seconds before each block.
    """

    def __init__(self, arms: Mapping[str, Arm], seed: int, rest: float = REST) -> None:
        self._rest = rest
        self._keys = list(arms)
        self._arms = list(arms.values())
        typical = [warm(arm) for arm in self._arms]
        self._calls = [calls_of_block(ns) for ns in typical]
        #: Nanoseconds of one round, two pairs.
        self.round_ns = 2 * sum(ns * (calls + 1) for ns, calls in zip(typical, self._calls, strict=True))
        self._taken: list[list[tuple[int, ...]]] = [[] for _ in self._arms]
        self._alternation = Alternation(self._take, len(self._arms), seed)

    def round(self) -> dict[str, list[tuple[int, ...]]]:
        """Two blocks of each arm: wall time of their calls, nanoseconds.

        Raises:
            OnnxAccelError: a session fails.
        """
        self._taken = [[] for _ in self._arms]
        self._alternation.take(len(self._alternation) + 2, float("inf"))
        return dict(zip(self._keys, self._taken, strict=True))

    def _take(self, order: Sequence[int]) -> list[tuple[float, float]]:
        found = []
        for number in order:
            arm = self._arms[number]
            time.sleep(self._rest)
            (block,) = take_blocks([(arm.session, arm.feeds)], [0], self._calls[number])
            self._taken[number].append(block.wall_ns)
            found.append(block.sample)
        return found
