"""How many planted conversion faults the parity verdict finds, and how many legal pairs it refuses; peers beside it.

    python benchmarks/mutation_score.py [--seeds 50] [--quick] [--json FILE] [--localise]

Faults are planted in the published RFB-320_simplified that ONNXACCEL_MODELS holds (in the shipped one without it) and
in a classifier with batch norms; legal pairs are seeded classifiers and RFB-320s with their batch norms, each against
its variants. Peers (Polygraphy, torch.testing, numpy.testing; those that are installed) get the same outputs and use
their own defaults. Exits with 1 where a fault was missed, got the wrong code, or a legal pair was refused.

With --localise, the node that a failed check names is compared with the planted one, for every value fault found.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from localisation import locate  # noqa: E402
from mutation_peers import PEERS, installed  # noqa: E402

from suites.mutation.corpus import detector_path, models  # noqa: E402
from suites.mutation.floor import options_of  # noqa: E402
from suites.mutation.legal import Pairs, classifiers, detectors  # noqa: E402
from suites.mutation.score import BELOW, FOUND, MISSED, Outcome, Planted  # noqa: E402

STATES = (FOUND, BELOW, MISSED)
Locate = Callable[[Path, Path], list[str]]


@contextlib.contextmanager
def mute() -> Iterator[None]:
    """ONNX Runtime warns of every initializer that is an input too; what is raised is still shown."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def plant(
    folder: Path, peers: list[str], prove: bool, locate: Locate | None
) -> tuple[list[Outcome], Any, Counter[str]]:
    """The outcome of every fault, what each peer found of each kind, and how the localisation went."""
    outcomes: list[Outcome] = []
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    places: Counter[str] = Counter()
    for name, model in models().items():
        planted = Planted(name, model, folder)
        for fault in planted.faults:
            outcome = planted.outcome(fault, prove)
            outcomes.append(outcome)
            original, mutated = planted.pair(fault)
            judge = planted.judge_of(fault, original)
            runs = judge.outputs(), judge.outputs(mutated)
            seen[fault.kind.name].update(peer for peer in peers if not PEERS[peer](*runs))
            if locate is not None and outcome.found and not fault.contract:
                found = locate(original, mutated)
                right = any(fault.site.is_named(node) for node in found)
                places["the planted node" if right else "another node" if found else "none"] += 1
                if not right:
                    print(f"{fault.id}: planted in {fault.site.name or fault.site.tensor}, named {found or 'none'}")
        planted.judge.close()
    return outcomes, seen, places


def alarms(folder: Path, seeds: range, peers: list[str]) -> dict[tuple[str, str], Counter[str]]:
    """By model and legal variant: the number of pairs, and of those that each side refuses."""
    table: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    planted = ((0, model) for model in [models()["detector"]])
    sources = {
        "classifier": classifiers(seeds),
        "its feature maps": classifiers(seeds, heads=False),
        "RFB-320 with norms": detectors(seeds),
        detector_path().stem: planted,
    }
    for name, originals in sources.items():
        for _, model in originals:
            pairs = Pairs(model, folder)
            base = pairs.judge.outputs()
            for variant in pairs.variants:
                row, path = table[name, variant.name], pairs.file(variant)
                result = pairs.judge.verdict(path, options_of(variant))
                row["pairs"] += 1
                row["refused"] += result.verdict != "passed"
                runs = pairs.judge.outputs(path, options_of(variant))
                row.update(peer for peer in peers if not PEERS[peer](base, runs))
            pairs.judge.close()
    return table


def show_faults(outcomes: list[Outcome], seen: Any, peers: list[str]) -> None:
    kinds = dict.fromkeys(outcome.fault.kind.name for outcome in outcomes)
    print(f"\n{'kind':36}{'planted':>8}" + "".join(f"{state:>{len(state) + 2}}" for state in STATES), *peers, sep="  ")
    totals: Counter[str] = Counter()
    for kind in kinds:
        mine = [outcome for outcome in outcomes if outcome.fault.kind.name == kind]
        states = Counter(outcome.state for outcome in mine)
        totals.update({"planted": len(mine), **states})
        totals.update({peer: seen[kind][peer] for peer in peers})
        print_row(kind, len(mine), states, [seen[kind][peer] for peer in peers], peers)
    print_row("all", totals["planted"], totals, [totals[peer] for peer in peers], peers)
    for state in (MISSED, BELOW):
        for outcome in outcomes:
            if outcome.state == state:
                print(f"  {outcome}")
    for outcome in outcomes:
        if outcome.found and not outcome.right_code:
            print(f"  wrong code: {outcome}")


def print_row(kind: str, planted: int, states: Counter[str], found: list[int], peers: list[str]) -> None:
    columns = "".join(f"{states[state]:>{len(state) + 2}}" for state in STATES)
    print(f"{kind:36}{planted:>8}{columns}", *(f"{n:>{len(p)}}" for n, p in zip(found, peers, strict=True)), sep="  ")


def show_alarms(table: dict[tuple[str, str], Counter[str]], peers: list[str]) -> None:
    print(f"\n{'legal variant':64}{'pairs':>6}{'refused':>9}", *peers, sep="  ")
    totals: Counter[str] = Counter()
    for (model, variant), row in table.items():
        totals.update(row)
        head = f"{model}: {variant}"
        print(f"{head:64}{row['pairs']:>6}{row['refused']:>9}", *(f"{row[p]:>{len(p)}}" for p in peers), sep="  ")
    shares = [f"{totals[p]:>{len(p)}}" for p in peers]
    print(f"{'all':64}{totals['pairs']:>6}{totals['refused']:>9}", *shares, sep="  ")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50, help="seeds of weights for the legal pairs")
    parser.add_argument("--quick", action="store_true", help="compute true changes only of what was not found")
    parser.add_argument("--json", type=Path, help="write outcomes and counts there")
    parser.add_argument("--localise", action="store_true", help="compare the planted node with the one that is named")
    arguments = parser.parse_args()
    versions = installed()
    peers = list(versions)
    print("peers, each with its own defaults:", ", ".join(f"{n} {v}" for n, v in versions.items()) or "none installed")
    start = time.process_time()
    with tempfile.TemporaryDirectory() as name, mute():
        folder = Path(name)
        outcomes, seen, places = plant(folder, peers, not arguments.quick, locate if arguments.localise else None)
        middle = time.process_time()
        table = alarms(folder, range(1, arguments.seeds + 1), peers)
    show_faults(outcomes, seen, peers)
    show_alarms(table, peers)
    if arguments.localise:
        print(f"\nlocalised: {dict(places)}")
    print(f"\nCPU time: faults {middle - start:.0f} s, legal pairs {time.process_time() - middle:.0f} s")
    if arguments.json:
        rows = [
            {"id": o.fault.id, "kind": o.fault.kind.name, "state": o.state, "code": o.result.code, "change": o.multiple}
            for o in outcomes
        ]
        legal = {f"{model}: {variant}": dict(row) for (model, variant), row in table.items()}
        found = {kind: dict(row) for kind, row in seen.items()}
        text = json.dumps({"faults": rows, "legal": legal, "peers": versions, "peers_found": found}, indent=1)
        arguments.json.write_text(text)
    wrong = [o for o in outcomes if o.state == MISSED or (o.found and not o.right_code)]
    return 1 if wrong or any(row["refused"] for row in table.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
