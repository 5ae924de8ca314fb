"""How many faults in transformers, recurrent layers, float16 and 8 bits are found, and how many healthy pairs refused.

    python benchmarks/mutation_narrow.py [--seeds 20]

The counterpart of mutation_score.py: faults in a decoder (attention, rotary positions, layer norms) and a recurrent
network, those of five nets in float16 (kept and changed inputs and outputs), and those in their 8 bits. Healthy pairs
are the legal variants of seeded decoders and recurrent networks, and seeded conversions. Exits with 1 where a fault
above the floor was missed or a healthy pair refused.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from mutation_score import mute  # noqa: E402
from onnx import ModelProto  # noqa: E402

from fixtures.graphs.decoder import decoder  # noqa: E402
from fixtures.graphs.recurrent import recurrent  # noqa: E402
from fixtures.mutations import FURTHER  # noqa: E402
from suites.mutation.legal import Pairs  # noqa: E402
from suites.mutation.narrow import Half, Quantised, originals  # noqa: E402
from suites.mutation.score import FOUND, MISSED, Outcome, Planted  # noqa: E402

BUILDERS: dict[str, Callable[[int], ModelProto]] = {"decoder": decoder, "recurrent": recurrent}


def outcomes(folder: Path) -> Iterator[tuple[str, Outcome]]:
    """Each fault with the family that it is counted under."""
    for name, build in BUILDERS.items():
        planted = Planted(name, build(0), folder, families=FURTHER)
        for fault in planted.faults:
            yield name, planted.outcome(fault)
        planted.judge.close()
    for name, model in originals().items():
        half = Half(name, model, folder)
        for fault in half.faults:
            yield "float16", half.outcome(fault)
        for per_channel in (False, True):
            one = Quantised(name, model, folder, per_channel)
            for fault in one.faults:
                yield "8 bits", one.outcome(fault)


def healthy(folder: Path, seeds: range) -> Iterator[tuple[str, bool, str]]:
    """Each healthy pair: what it is counted under, whether it passes, and what was said."""
    for name, build in BUILDERS.items():
        for seed in seeds:
            pairs = Pairs(build(seed), folder)
            for variant in pairs.variants:
                result = pairs.verdict(variant)
                yield name, result.verdict.value == "passed", f"seed {seed}, {variant.name}: {result}"
            pairs.judge.close()
    for seed in seeds:
        for name, model in originals(seed).items():
            half = Half(name, model, folder)
            for keep in (True, False):
                result = half.verdict(None, keep)
                yield "float16", result.verdict.value == "passed", f"seed {seed}, {name}: {result}"
            for per_channel in (False, True):
                result = Quantised(name, model, folder, per_channel).verdict(None, limit=True)
                yield "8 bits", result.verdict.value == "passed", f"seed {seed}, {name}: {result}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="seeds of weights for the healthy pairs")
    arguments = parser.parse_args()
    rows: dict[str, Counter[str]] = {}
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as name, mute():
        folder = Path(name)
        for family, outcome in outcomes(folder):
            row = rows.setdefault(family, Counter())
            row.update([outcome.state])
            row["named"] += outcome.found and outcome.fault.site.name in outcome.result.message
            if outcome.state != FOUND:
                lines.append(f"  {outcome}")
        for family, passed, text in healthy(folder, range(1, arguments.seeds + 1)):
            rows[family].update(healthy=1, refused=not passed)
            if not passed:
                lines.append(f"  refused: {family}, {text}")
    print(f"{'':12}{'planted':>9}{'found':>7}{'below':>7}{'missed':>8}{'healthy':>9}{'refused':>9}")
    for family, row in rows.items():
        planted = row[FOUND] + row["below the floor"] + row[MISSED]
        print(f"{family:12}{planted:>9}{row[FOUND]:>7}{row['below the floor']:>7}{row[MISSED]:>8}", end="")
        print(f"{row['healthy']:>9}{row['refused']:>9}")
    print("\n".join(lines))
    return 1 if any(row[MISSED] or row["refused"] for row in rows.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
