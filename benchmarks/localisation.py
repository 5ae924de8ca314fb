"""How often the planted node is named, and what looking for it costs next to a plain parity check.

    python benchmarks/localisation.py [MODEL ...] [--rounds N] [--faults N] [--renamed]
    python benchmarks/localisation.py --mutations [--rounds N] [--faults N]

Plants one value fault after the other into a copy of each model, runs the parity check of the copy against the model
with and without localisation, in workers as in a run of pytest (interpreter, sessions and samples included), and prints
the share of faults whose node is named and the ratio of both wall times: the smallest of the rounds on each side, for
noise only ever adds. With ``--renamed`` all names inside the copy are others; with ``--mutations`` the faults are all
value faults of the mutation corpus in its two models (see mutation_score.py).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from pytest_onnxaccel.core.results import CheckResult, Verdict  # noqa: E402
from pytest_onnxaccel.core.specs import ModelSpec  # noqa: E402
from pytest_onnxaccel.runner.request import Request, RunOptions  # noqa: E402
from pytest_onnxaccel.runner.runner import Runner  # noqa: E402
from suites.localise.planting import Planted, every, renamed  # noqa: E402

if TYPE_CHECKING:
    import onnx

    from fixtures.mutations.edits import Site


@dataclass(frozen=True)
class Case:
    """One planted fault as files, and whether a result names it."""

    kind: str
    place: str
    original: str
    candidate: str
    named: Callable[[CheckResult], bool]


def parity(candidate: str, reference: str, localise: bool) -> tuple[CheckResult, float]:
    """The check with everything it needs, and its wall time in seconds."""
    start = time.perf_counter()
    spec = ModelSpec("candidate", candidate, candidate)
    with tempfile.TemporaryDirectory() as failures:
        runner = Runner([spec], {"candidate": ("ort-cpu",)}, RunOptions(localise=localise, failures=failures))
        try:
            result = runner.check(Request("candidate", "parity", "ort-cpu", reference))
            return result, time.perf_counter() - start
        finally:
            runner.close()


def named(result: CheckResult, one: Planted, other: onnx.ModelProto | None) -> bool:
    """The planted node is the one that is named, or one of at most two that are."""
    wanted = one.node
    if other is not None:
        pairs = zip(one.model.graph.node, other.graph.node, strict=True)
        wanted = next(new.name for old, new in pairs if one.node in (old.name, old.output[0]))
    nodes = result.figures.get("localisation", {}).get("origin", {}).get("nodes", [])
    return len(nodes) <= 2 and wanted in [node["name"] or node["outputs"][0] for node in nodes]


def locate(original: Path, mutated: Path) -> list[str]:
    """Names and outputs of the nodes that a check of *mutated* against *original* names: at most two of each side."""
    spec = ModelSpec("candidate", str(mutated), str(mutated))
    runner = Runner([spec], {"candidate": ("ort-cpu",)}, RunOptions(in_process=True))
    try:
        result = runner.check(Request("candidate", "parity", "ort-cpu", str(original)))
    finally:
        runner.close()
    return nodes_of(result)


def nodes_of(result: CheckResult) -> list[str]:
    """Names and outputs of the nodes that *result* names: at most two of each side."""
    origin = result.figures.get("localisation", {}).get("origin", {})
    nodes = [*origin.get("nodes", [])[:2], *origin.get("reference_nodes", [])[:2]]
    return [name for node in nodes for name in (node["name"], *node["outputs"]) if name]


def planted_in(model: str, folder: str, most: int, other_names: bool) -> Iterator[Case]:
    """Copies of *model*, each of which the next one overwrites."""
    import onnx

    path = str(Path(folder) / "candidate.onnx")
    planted = every(onnx.load(model))
    for one in planted[:: -(-len(planted) // most)] if most else planted:
        other = renamed(one.model) if other_names else None
        onnx.save(other or one.model, path)

        def hit(result: CheckResult, one: Planted = one, other: onnx.ModelProto | None = other) -> bool:
            return named(result, one, other)

        yield Case(one.kind, one.node, model, path, hit)


def mutations(name: str, model: onnx.ModelProto, folder: str, most: int) -> Iterator[Case]:
    """The value faults of the mutation corpus in *model*."""
    from suites.mutation.score import Planted as Corpus

    corpus = Corpus(name, model, Path(folder))
    faults = [fault for fault in corpus.faults if not fault.contract]
    for fault in faults[:: -(-len(faults) // most)] if most else faults:
        original, mutated = corpus.pair(fault)

        def hit(result: CheckResult, site: Site = fault.site) -> bool:
            return any(site.is_named(node) for node in nodes_of(result))

        yield Case(fault.kind.name, fault.site.name or fault.site.tensor, str(original), str(mutated), hit)
    corpus.judge.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[str(ROOT / "fixtures" / "models" / "rfb-320.onnx")])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--faults", type=int, default=0, help="at most so many of each model; 0 for all")
    parser.add_argument("--renamed", action="store_true")
    parser.add_argument("--mutations", action="store_true", help="the mutation corpus instead of MODEL")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.mutations:
            from suites.mutation.corpus import models

            for name, model in models().items():
                measure(name, mutations(name, model, folder, arguments.faults), arguments.rounds)
            return
        for given in arguments.models:
            path = Path(given).resolve()
            name = f"{path.name}{' against renamed copies' if arguments.renamed else ''}"
            measure(name, planted_in(str(path), folder, arguments.faults, arguments.renamed), arguments.rounds)


def measure(name: str, cases: Iterator[Case], rounds: int) -> None:
    """Check every case in both ways and print what was found and what it took."""
    hits: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    ratios, passed, largest = [], 0, 0
    for case in cases:
        best = {True: float("inf"), False: float("inf")}
        for _ in range(rounds):
            for localise in (False, True):
                result, seconds = parity(case.candidate, case.original, localise)
                best[localise] = min(best[localise], seconds)
        if result.verdict is not Verdict.FAILED:
            passed += 1
            continue
        counts[case.kind] += 1
        hits[case.kind] += case.named(result)
        ratios.append(best[True] / best[False])
        largest = max(largest, result.figures.get("localisation", {}).get("largest_chunk_bytes", 0))
        told = "" if case.named(result) else "   ANOTHER NODE OR NONE IS NAMED"
        print(
            f"  {case.kind:36} {case.place:28} plain {best[False]:.2f} s, localised {best[True]:.2f} s,"
            f" {ratios[-1]:.2f} times{told}",
            flush=True,
        )
    print(f"{name}:")
    for kind, count in counts.items():
        print(f"  {kind:36} {hits[kind]} of {count} named")
    print(f"  named {sum(hits.values())} of {sum(counts.values())}; {passed} faults within the tolerance")
    ratios.sort()
    over = sum(ratio > 2 for ratio in ratios)
    print(
        f"  wall time next to a plain parity check: median {ratios[len(ratios) // 2]:.2f}, worst {ratios[-1]:.2f};"
        f" {over} of {len(ratios)} above 2"
    )
    print(f"  most intermediates held at a time: {largest / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
