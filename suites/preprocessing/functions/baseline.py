"""The planted faults found by the comparator, and by hypothesis' plain ``arrays()`` with the same checks beside it.

    python -m suites.preprocessing.functions.baseline [--plain] [names ...]

``--plain`` runs the baseline as well, which takes minutes.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from pytest_onnxaccel.preprocessing import compare
from pytest_onnxaccel.preprocessing.guarded_call import Pair
from pytest_onnxaccel.preprocessing.inputs.domain import Domain
from pytest_onnxaccel.preprocessing.results.differences import Bound
from suites.preprocessing.functions.equivalents import PAIRS
from suites.preprocessing.functions.fault import Fault
from suites.preprocessing.planted import FAULTS

SHAPE = (240, 320, 3)


def plain(fault: Fault) -> tuple[bool, int, float]:
    """Found by ``arrays(uint8, SHAPE)``; elements of the smallest image that are not zero; CPU seconds."""
    from hypothesis.extra.numpy import arrays

    from pytest_onnxaccel.strategies import find_failing

    pair = Pair(
        fault.reference, fault.candidate, Domain.of(SHAPE, "any"), Bound(), fault.arguments.get("layout", "any")
    )
    start = time.process_time()
    image, _ = find_failing(lambda x: pair.examine(x, deep=True) is not None, arrays(np.uint8, SHAPE), examples=100)
    return image is not None, int(np.count_nonzero(image)) if image is not None else 0, time.process_time() - start


def main(arguments: list[str]) -> None:
    names = [name for name in arguments if not name.startswith("-")]
    with_plain = "--plain" in arguments
    compare(PAIRS[0][1], PAIRS[0][2])  # what is imported on first use is not the cost of a fault
    total, plain_total, right = 0.0, 0.0, 0
    print(f"{'fault':28}{'expected':20}{'found':20}{'pixels':>7}{'CPU s':>8}   plain arrays()")
    faults = [fault for fault in FAULTS if not names or fault.name in names]
    for fault in faults:
        start = time.process_time()
        report = compare(fault.reference, fault.candidate, **fault.arguments)
        seconds = time.process_time() - start
        total, right = total + seconds, right + (report.kind == fault.kind)
        size = report.minimal.shape[0] * report.minimal.shape[1] if report.minimal is not None else 0
        line = f"{fault.name:28}{fault.kind:20}{report.kind or 'nothing':20}{size:>7}{seconds:>8.3f}"
        if with_plain:
            found, left, seconds = plain(fault)
            plain_total += seconds
            line += f"   {'found, 76800 pixels, ' + str(left) + ' not 0' if found else 'missed':40}{seconds:8.2f}"
        print(line, flush=True)
    beside = f"; plain arrays() {plain_total:.2f} s CPU" if with_plain else ""
    print(f"{right} of {len(faults)} with the right kind, {total:.2f} s CPU{beside}")
    alarms, start = 0, time.process_time()
    for name, reference, candidate, extra in PAIRS:
        report = compare(reference, candidate, **extra)
        alarms += not report.equivalent
        found = "equivalent" if report.equivalent else report.kind
        print(f"{name:28}{found:20}{report.seconds:8.3f} s   {report.proof}")
    print(f"{alarms} false alarms on {len(PAIRS)} equivalent pairs, {time.process_time() - start:.2f} s CPU")


if __name__ == "__main__":
    main(sys.argv[1:])
