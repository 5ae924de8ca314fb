"""Prints what comes of every pair of the field, and the figures: misses, false alarms, misnamed.

python -m suites.preprocessing.field.run
"""

from __future__ import annotations

import sys
import time

from pytest_onnxaccel.preprocessing import compare
from suites.preprocessing.field import colours, deployed, further, inputs, levels, places, resizes, samples, teams
from suites.preprocessing.field.pair import FieldPair

FIRST: list[FieldPair] = [*resizes.PAIRS, *colours.PAIRS, *inputs.PAIRS]
FURTHER: list[FieldPair] = [*places.PAIRS, *levels.PAIRS, *samples.PAIRS, *further.PAIRS]
FIFTH: list[FieldPair] = [*teams.PAIRS, *deployed.PAIRS]
PAIRS: list[FieldPair] = [*FIRST, *FURTHER, *FIFTH]


def judged(one: FieldPair) -> tuple[str, str]:
    """Return ``right``, ``missed``, ``false alarm`` or ``misnamed``, and the line that tells why."""
    start = time.process_time()
    report = compare(one.reference, one.candidate, **one.arguments)
    line = f"{report.kind or report.verdict.value}: {report.sentence} [{time.process_time() - start:.1f} s]"
    if not one.kinds:
        return ("right" if report.equivalent else "false alarm"), line
    if report.equivalent or report.kind is None:
        return "missed", line
    named = report.kind in one.kinds and one.words in report.sentence
    return ("right" if named else "misnamed"), line


if __name__ == "__main__":
    counts: dict[str, int] = {}
    for one in PAIRS:
        if len(sys.argv) > 1 and one.name not in sys.argv[1:]:
            continue
        try:
            verdict, line = judged(one)
        except Exception as error:  # a pair that cannot be run is seen, not hidden
            verdict, line = "error", f"{type(error).__name__}: {error}"
        counts[verdict] = counts.get(verdict, 0) + 1
        print(f"{verdict:11} {one.name:28} {'|'.join(one.kinds) or 'equivalent':30} {line}", flush=True)
    print(len(PAIRS), "pairs:", ", ".join(f"{count} {word}" for word, count in sorted(counts.items())))
