"""The pairs of verdicts.py: rebuilt public reports, and faults and healthy versions of the project's own models."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT)]

import onnx  # noqa: E402

from fixtures.graphs.decoder import decoder  # noqa: E402
from fixtures.graphs.recurrent import recurrent  # noqa: E402
from fixtures.graphs.residual import residual_classifier  # noqa: E402
from fixtures.mutations import FURTHER, VALUES, Fault, faults_of  # noqa: E402
from fixtures.variants import variants_of  # noqa: E402
from pytest_onnxaccel.core.comparisons import Comparison  # noqa: E402
from pytest_onnxaccel.core.results import CheckResult, Verdict  # noqa: E402
from suites.mutation.narrow import SPARE_DB, Half, Quantised, originals  # noqa: E402
from suites.precision.conversions import parity, to_float16  # noqa: E402
from suites.reports.making import Report  # noqa: E402
from suites.reports.run import REPORTS, complaints, judged, registered, stored  # noqa: E402


@dataclass(frozen=True)
class Pair:
    """A candidate and what it is compared with.

    Attributes:
        family: the row of the table that it is counted in.
        name: of the pair.
        bad: a fault is in it, to be found; otherwise it is healthy, or nothing can judge it, which is to be said.
        make: writes the files into a folder: the candidate's path, and the reference's or a backend's name.
        judge: the gate's verdict on the files in that folder.
        right: whether that verdict is as it must be, and names the right node; None where there is none to name.
        nodes: names of nodes and values that a right place may be told by.
        report: of a rebuilt report, with the engines that are registered for it.
        crooked: those engines are.
        snr_db: the limit that is given; 0 for none.
    """

    family: str
    name: str
    bad: bool
    make: Callable[[Path], tuple[str, str]]
    judge: Callable[[Path], CheckResult]
    right: Callable[[CheckResult], tuple[bool, bool | None]]
    nodes: tuple[str, ...] = ()
    report: Report | None = None
    crooked: bool = False
    snr_db: float = 0.0

    def engines(self) -> AbstractContextManager[Any]:
        """The backends of this pair, registered."""
        return registered(self.report, self.crooked) if self.report else nullcontext()


def pairs(folder: Path, every: int, seeds: int) -> Iterator[Pair]:
    """All of them: the reports whole, of the own faults one in *every*, healthy versions of *seeds* seeds."""
    yield from reports()
    yield from own(folder, every, seeds)


def reports() -> Iterator[Pair]:
    """Each rebuilt report, and its twin without the fault."""
    for report in REPORTS.values():
        for make, crooked in ((report.make, True), (report.twin, False)):
            if make is not None:
                yield _reported(report, make, crooked)


def _reported(report: Report, make: Callable[[], Any], crooked: bool) -> Pair:
    bad = crooked and report.verdict == "failed"

    def right(result: CheckResult) -> tuple[bool, bool | None]:
        if not crooked:
            return result.verdict is Verdict.PASSED, None
        wrong = complaints(report, result)
        return not wrong, all(name in result.message for name in report.names) if bad else None

    return Pair(
        "rebuilt reports", report.name if crooked else f"{report.name} (twin)", bad,
        lambda folder: stored(make(), folder), lambda folder: judged(report, make(), crooked, folder), right,
        report.names, report, crooked,
    )  # fmt: skip


def own(folder: Path, every: int, seeds: int) -> Iterator[Pair]:
    """Faults of value in networks of float32, float16 and 8 bits; their legal variants and healthy conversions."""
    builders = {
        "classifier": (residual_classifier, VALUES),
        "decoder": (decoder, FURTHER),
        "recurrent": (recurrent, FURTHER),
    }
    for name, (build, families) in builders.items():
        model = build(0)
        for fault in faults_of(model, name, families)[::every]:
            if not fault.contract and fault.kind.ground is None:
                yield _pair(f"float32, {name}", fault.id, model, fault.mutated(model), fault)
        for seed in range(1, seeds + 1):
            for variant in variants_of(original := build(seed)):
                if variant.optimize and variant.threads == 1:
                    yield _pair(f"float32, {name}", f"{variant.name} {seed}", original, variant.rewrite(original))
    for name, model in originals().items():
        for fault in Half(name, model, folder).faults[::every]:
            yield _pair("float16", fault.id, model, to_float16(fault.mutated(model), True), fault)
        for per_channel in (False, True):
            one = Quantised(name, model, folder, per_channel)
            limit = one.healthy - SPARE_DB
            for fault in one.faults[:: max(1, every // 3)]:
                ranged = fault.kind.name.startswith("activation")
                yield _pair("8 bits", fault.id, model, fault.mutated(one.converted), fault, limit, ranged)
    for seed in range(1, seeds + 1):
        for name, model in originals(seed).items():
            yield _pair("float16", f"{name} {seed}", model, to_float16(model, True))
            one = Quantised(name, model, folder, per_channel=True)
            yield _pair("8 bits", f"{name} {seed}", model, one.converted, None, one.healthy - SPARE_DB)


def _pair(
    family: str, name: str, original: onnx.ModelProto, candidate: onnx.ModelProto, fault: Fault | None = None,
    limit: float = 0.0, held: bool = True,
) -> Pair:  # fmt: skip
    """A pair of files; *held*: the limit is given to the gate, too."""

    def make(folder: Path) -> tuple[str, str]:
        return stored((candidate, original), folder)

    def judge(folder: Path) -> CheckResult:
        outputs = [output.name for output in original.graph.output]
        more = {"comparisons": dict.fromkeys(outputs, Comparison("sqnr", limit))} if limit and held else {}
        return parity(candidate, original, folder, **more)

    def right(result: CheckResult) -> tuple[bool, bool | None]:
        if fault is None:
            return result.verdict is Verdict.PASSED, None
        found = result.verdict is Verdict.FAILED
        return found, found and any(f"'{node}'" in result.message for node in nodes)

    nodes = _places(candidate, fault) if fault else ()
    return Pair(family, name, fault is not None, make, judge, right, nodes, snr_db=limit)


def _places(candidate: onnx.ModelProto, fault: Fault) -> tuple[str, ...]:
    """Names of the node with *fault*; of one that turns numbers into floats or back, what it is between."""
    site = fault.site
    found = [site.name or site.tensor]
    if site.operator.endswith("uantizeLinear"):
        nodes = candidate.graph.node
        read = [node.input[0] for node in nodes if site.tensor in node.output]
        found += [site.tensor, *read, *(node.name for node in nodes if site.tensor in node.input)]
        found += [node.name for node in nodes for name in node.output if name in read]
    return tuple(name for name in found if name)
