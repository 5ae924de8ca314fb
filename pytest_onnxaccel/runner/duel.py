"""Two open sessions timed against each other in blocks, ABBA: how many times as fast the second one is.

Wall time decides: threads and spinning, which advice is about, trade CPU time for it.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence

from pytest_onnxaccel.checks.advice import Gain
from pytest_onnxaccel.isolation.blocks import Side, take_blocks
from pytest_onnxaccel.numerics.blocks import Block
from pytest_onnxaccel.numerics.stats import bounds, percentile

#: Pairs of blocks; an interval of the median ratio is then about a sixth of the pairs wide on either side.
PAIRS = 40
#: Seconds after which fewer pairs have to do.
SECONDS = 15.0
#: What a block lasts at least, by repeated calls, and the most calls that it has.
BLOCK_NS, MOST_CALLS = 15e6, 20
#: Calls before the first block counts.
WARM_UP = 5


def duel(first: Side, second: Side, sure: float, pairs: int = PAIRS, seconds: float = SECONDS, seed: int = 0) -> Gain:
    """How many times as fast *second* is as *first*.

    Args:
        first, second: sessions, each with its feeds.
        sure: confidence of each bound, which is distribution-free (the sign test turned round).
    """
    sides, end = (first, second), time.monotonic() + seconds
    slowest = max(block.sample[0] for block in take_blocks(sides, (0, 1), WARM_UP))
    calls = max(1, min(MOST_CALLS, math.ceil(BLOCK_NS / max(slowest, 1.0))))
    draw, ratios = random.Random(seed), list[float]()
    while len(ratios) < pairs and time.monotonic() < end:
        leader = draw.randrange(2)
        order = (leader, 1 - leader, 1 - leader, leader)
        ratios += paired(take_blocks(sides, order, calls), order)
    return gain(ratios, sure)


def paired(blocks: Sequence[Block], order: Sequence[int]) -> list[float]:
    """Ratio of the first side's time to the second's in each two neighbouring blocks of *order*."""
    found = []
    for index in range(0, len(blocks), 2):
        walls = dict(zip(order[index : index + 2], (b.sample[0] for b in blocks[index : index + 2]), strict=True))
        found.append(walls[0] / max(walls[1], 1.0))
    return found


def gain(ratios: Sequence[float], sure: float) -> Gain:
    """The median of *ratios* with bounds of confidence *sure*; 0 and infinity where there are too few."""
    ordered = sorted(ratios)
    low, high = bounds(ordered, 0.5, sure)
    return Gain(percentile(ordered, 0.5), 0.0 if low is None else low, math.inf if high is None else high)
