"""The table of docs/localisation.md: every report and its twin here, and by the comparisons of others.

``python -m suites.reports.run`` judges each with this project, and with Polygraphy's comparison, torch.testing and
numpy.testing where they are installed, all in one run: the others get what the same files give in the same engines.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from benchmarks.mutation_peers import PEERS, installed
from pytest_onnxaccel.backends.protocol import GROUP, LoadOptions
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import ModelSpec, Tolerance
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.reports import engines, evaluator, files, hidden, steps
from suites.reports.making import REPORTS, Made, Report

assert engines, "it puts its reports on the list"
assert evaluator, "so does this"
assert files, "and this"
assert hidden, "and that"
assert steps, "and the last"


def judged(report: Report, made: Made, crooked: bool, folder: Path) -> CheckResult:
    """The parity check of one report, or of its twin."""
    with registered(report, crooked):
        candidate, reference = stored(made, folder)
        names = tuple(dict.fromkeys((report.backend, *((reference,) if reference in ("ort-cpu", "reference") else ()))))
        runner = Runner([ModelSpec("m", candidate, candidate)], {"m": names}, RunOptions(in_process=True))
        try:
            given = Tolerance(rtol=0.0, atol=report.atol) if report.atol else None
            return runner.check(Request("m", "parity", report.backend, reference, tolerance=given))
        finally:
            runner.close()


def stored(made: Made, folder: Path) -> tuple[str, str]:
    """Paths of both files; of the reference its name where it is no file."""
    paths = []
    for name, one in zip(("candidate", "reference"), made, strict=True):
        if isinstance(one, str):
            paths.append(one)
            continue
        onnx.save(one, folder / f"{name}.onnx")
        paths.append(str(folder / f"{name}.onnx"))
    return paths[0], paths[1]


def registered(report: Report, crooked: bool) -> ExitStack:
    """The engines of *report* in place of those of their names."""
    stack = ExitStack()
    for name, by in (report.engines if crooked else {}).items():
        before = registry.replace(GROUP, name, EntryPoint(name, f"{by.__module__}:{by.__name__}", GROUP))
        stack.callback(registry.replace, GROUP, name, before)
    return stack


def complaints(report: Report, result: CheckResult) -> list[str]:
    """What is not as it must be, in words; empty where all of it is right."""
    text = "\n".join([result.message, *result.details])
    verdict = (result.verdict.value.replace("_", " "), result.code)
    found = [] if verdict == (report.verdict, report.code) else [f"{verdict} instead of {report.verdict, report.code}"]
    found += [f"{name!r} is not in the message" for name in report.names if name not in result.message]
    found += [f"{part!r} is not told" for part in report.says if part not in text]
    found += [f"{part!r} is told" for part in report.never if part in text]
    wrong = tuple(result.figures.get("blame", {}).get("wrong", ()))
    return found + ([] if wrong == report.wrong else [f"{wrong} accused instead of {report.wrong}"])


def by_others(report: Report, made: Made, crooked: bool, folder: Path) -> Mapping[str, bool | None]:
    """Whether each of the others calls the outputs equal; None where a side does not run."""
    with registered(report, crooked):
        candidate, reference = stored(made, folder)
        backends = Engines(RunOptions(in_process=True))
        plain = LoadOptions(optimize=False)
        file = reference.endswith(".onnx")
        second = report.backend if file or reference == "unoptimized" else reference
        try:
            sides = (
                backends.backend(report.backend).load(candidate, LoadOptions()),
                backends.backend(second).load(
                    reference if file else candidate, plain if reference == "unoptimized" else LoadOptions()
                ),
            )
            feeds = [fed(made[0], seed) for seed in range(3)]
            ours, theirs = ([side.run(one) for one in feeds] for side in sides)
        except Exception:  # what a runtime raises is of many kinds
            return dict.fromkeys(installed())
    return {name: PEERS[name](theirs, ours) for name in installed()}


def fed(model: onnx.ModelProto, seed: int) -> dict[str, Any]:
    """Inputs of *model* as a script would draw them."""
    rng, feeds = np.random.default_rng(seed), {}
    for value in model.graph.input:
        kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        if kind == np.bool_:
            feeds[value.name] = np.asarray(rng.random(shape) > 0.3)
        elif kind.kind in "iu":
            feeds[value.name] = rng.integers(0, 40, shape).astype(kind)
        else:
            feeds[value.name] = rng.standard_normal(shape).astype(kind)
    return feeds


def main() -> int:
    """Print the table; the exit status is the number of what is not as it must be."""
    peers, counts, wrong = installed(), Counter[str](), 0
    print(f"| report | verdict | {' | '.join(f'{name} {version}' for name, version in peers.items())} |")
    print(f"| --- | --- | {' | '.join('---' for _ in peers)} |")
    words = {True: "equal", False: "different", None: "does not run"}
    for report in REPORTS.values():
        for made, crooked in ((report.make, True), (report.twin, False)):
            if made is None:
                continue
            with tempfile.TemporaryDirectory() as folder:
                result = judged(report, made(), crooked, Path(folder))
                others = by_others(report, made(), crooked, Path(folder))
            right = complaints(report, result) if crooked else [] if result.verdict.value == "passed" else [str(result)]
            wrong += bool(right)
            bad = crooked and report.verdict == "failed"
            kind = "faults" if bad else "healthy"
            counts[f"{kind}"] += 1
            counts[f"{kind}: here"] += not right
            for name, equal in others.items():
                counts[f"{kind}: {name}"] += equal is (not bad)
                counts[f"{kind}: {name} of"] += equal is not None
            if crooked:
                said = result.message.partition("; ")[2] or result.verdict.value.replace("_", " ")
                print(f"| {report.name} | {said} | {' | '.join(words[equal] for equal in others.values())} |")
            for line in right:
                print(f"{report.name}{'' if crooked else ' (twin)'}: {line}")
    print(dict(counts))
    return wrong


if __name__ == "__main__":
    raise SystemExit(main())
