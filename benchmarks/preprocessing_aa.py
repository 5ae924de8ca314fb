"""How often a speed-up is claimed that is not there: identical functions, judged again and again.

    python benchmarks/preprocessing_aa.py [--trials N] [--load]

Each trial judges one function against itself (and, to show that it can tell at all, against one that does half as much
again), by the interleaved judgement of the plugin and by two loops one after the
other whose means are compared. ``--load`` keeps processes busy beside it, in bursts. Against itself, every claim is a
false one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable

import numpy as np

from pytest_onnxaccel.preprocessing.speed.verdict import images, judge_speed

SHAPE = (240, 320, 3)
FACTORS = (1.0, 1.05, 1.2, 1.5)

#: A neighbour that works for a random while and rests for another.
NEIGHBOUR = """
import random, time
while True:
    end = time.perf_counter() + random.expovariate(10)
    while time.perf_counter() < end: sum(range(1000))
    time.sleep(random.expovariate(10))
"""


def normalise(image: np.ndarray) -> np.ndarray:
    """The function that is judged against itself."""
    return (image - np.float32(127)) * np.float32(1 / 128)


def half_again(image: np.ndarray) -> np.ndarray:
    """Half as much again: what :func:`normalise` is truly 1.5 times as fast as."""
    normalise(image[: len(image) // 2])
    return normalise(image)


def back_to_back(function: Callable[[np.ndarray], np.ndarray], calls: int = 50) -> float:
    """The ratio of two means, one loop after the other, as it is usually done."""
    image = images(SHAPE, count=1)[0]
    means = []
    for _ in range(2):
        start = time.perf_counter()
        for _ in range(calls):
            function(image)
        means.append((time.perf_counter() - start) / calls)
    return means[0] / means[1]


def counted(reference: Callable[[np.ndarray], np.ndarray], factor: float, trials: int, naive: str) -> str:
    """One line: verdicts on :func:`normalise` being *factor* times as fast as *reference*."""
    start, found = time.perf_counter(), Counter[str]()
    for trial in range(trials):
        found[judge_speed(reference, normalise, factor, SHAPE, seed=trial).verdict.value] += 1
    each = (time.perf_counter() - start) / trials
    return f"{found['passed']:9} {found['failed']:10} {found['inconclusive']:11} {naive} {each:17.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--load", action="store_true", help="keep a process busy beside it")
    arguments = parser.parse_args()
    # One for each core: the scheduler would otherwise move the judgement to a free one
    crowd = range(len(os.sched_getaffinity(0)) if arguments.load else 0)
    neighbours = [subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) for _ in crowd]
    try:
        naive = [back_to_back(normalise) for _ in range(arguments.trials)]
        print(f"{arguments.trials} trials of one function against itself, {'loaded' if crowd else 'as the machine is'}")
        print("truth   asked   claimed   rejected   undecided   back-to-back mean claims   seconds a trial")
        for factor in FACTORS:
            claims = f"{sum(ratio >= factor for ratio in naive):26}"
            print(f"1.0  {factor:8}", counted(normalise, factor, arguments.trials, claims))
        for factor in (1.2, 2.0):
            print(f"1.5  {factor:8}", counted(half_again, factor, arguments.trials, f"{'':26}"))
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


if __name__ == "__main__":
    main()
