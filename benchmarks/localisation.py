"""How often the planted node is named, and what looking for it costs beside a plain parity check.

    python benchmarks/localisation.py [MODEL ...] [--rounds N] [--faults N] [--renamed]

Plants one value fault after the other into a copy of each model, runs the parity check of the copy against the model
with and without localisation, in workers as in a run of pytest (interpreter, sessions and samples included), and prints
the share of faults whose node is named and the ratio of both wall times: the smallest of the rounds on each side, for
noise only ever adds. With ``--renamed`` all names inside the copy are others.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from pytest_onnxaccel.results import CheckResult, Verdict  # noqa: E402
from pytest_onnxaccel.runner.request import Request, RunOptions  # noqa: E402
from pytest_onnxaccel.runner.runner import Runner  # noqa: E402
from pytest_onnxaccel.spec import ModelSpec  # noqa: E402
from suites.localise.planting import Planted, every, renamed  # noqa: E402

if TYPE_CHECKING:
    import onnx


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
    origin = result.figures.get("localisation", {}).get("origin", {})
    nodes = [*origin.get("nodes", [])[:2], *origin.get("reference_nodes", [])[:2]]
    return [name for node in nodes for name in (node["name"], *node["outputs"]) if name]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[str(ROOT / "fixtures" / "models" / "rfb-320.onnx")])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--faults", type=int, default=0, help="at most so many of each model; 0 for all")
    parser.add_argument("--renamed", action="store_true")
    arguments = parser.parse_args()
    for model in arguments.models:
        measure(str(Path(model).resolve()), arguments.rounds, arguments.faults, arguments.renamed)


def measure(model: str, rounds: int, most: int, other_names: bool) -> None:
    import onnx

    good = onnx.load(model)
    hits: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    ratios, passed, largest = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "candidate.onnx")
        planted = every(good)
        for one in planted[:: -(-len(planted) // most)] if most else planted:
            other = renamed(one.model) if other_names else None
            onnx.save(other or one.model, path)
            best = {True: float("inf"), False: float("inf")}
            for _ in range(rounds):
                for localise in (False, True):
                    result, seconds = parity(path, model, localise)
                    best[localise] = min(best[localise], seconds)
            if result.verdict is not Verdict.FAILED:
                passed += 1
                continue
            counts[one.kind] += 1
            hits[one.kind] += named(result, one, other)
            ratios.append(best[True] / best[False])
            largest = max(largest, result.figures["localisation"]["largest_chunk_bytes"])
            print(f"  {one.kind:10} {one.node:28} plain {best[False]:.2f} s, localised {best[True]:.2f} s")
    print(f"{Path(model).name}{' against renamed copies' if other_names else ''}:")
    for kind, count in counts.items():
        print(f"  {kind:10} {hits[kind]} of {count} named")
    print(f"  named {sum(hits.values())} of {sum(counts.values())}; {passed} faults within the tolerance")
    ratios.sort()
    print(f"  wall time beside a plain parity check: median {ratios[len(ratios) // 2]:.2f}, worst {ratios[-1]:.2f}")
    print(f"  most intermediates held at a time: {largest / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
