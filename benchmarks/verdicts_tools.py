"""What others say of a pair of files: ``polygraphy run``, and PyTorch's own verification. Used by verdicts.py."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from verdicts_corpus import Pair

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.reports.run import fed

SAMPLES = 3
#: As torch.onnx.export(verify=True, report=True) has them in torch/onnx/_internal/exporter/_core.py.
VERIFIED_ABS, VERIFIED_REL = 5e-3, 1e-1


@dataclass(frozen=True)
class Sides:
    """Both files of a pair, and what they gave in the engines of the pair.

    Attributes:
        plain: the candidate is a file for ONNX Runtime as it is, and the reference is a file, too.
        feeds, candidate, reference: by sample, arrays by name.
    """

    paths: tuple[str, str]
    plain: bool
    snr_db: float
    feeds: Sequence[Mapping[str, Any]]
    candidate: Sequence[Mapping[str, Any]]
    reference: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Said:
    """What a tool says.

    Attributes:
        equal: it calls both equal; None where it does not run.
        place: the value that it names as the first that differs.
    """

    equal: bool | None
    place: str = ""


def sides(pair: Pair, folder: Path) -> Sides | None:
    """Write and run both sides of *pair*; None where one of them does not run."""
    with pair.engines():
        candidate, reference = pair.make(folder)
        report, backends = pair.report, Engines(RunOptions(in_process=True))
        engine, file = report.backend if report else "ort-cpu", reference.endswith(".onnx")
        second = engine if file or reference == "unoptimized" else reference
        unoptimized = LoadOptions(optimize=reference != "unoptimized")
        try:
            ours = backends.backend(engine).load(candidate, LoadOptions())
            theirs = backends.backend(second).load(reference if file else candidate, unoptimized)
            feeds = [_drawn(candidate, seed, wide=report is not None) for seed in range(SAMPLES)]
            runs = [[side.run(one) for one in feeds] for side in (ours, theirs)]
        except Exception:  # what a runtime raises is of many kinds
            return None
    plain = file and engine == "ort-cpu" and not (pair.crooked and pair.report and pair.report.engines)
    return Sides((candidate, reference), plain, pair.snr_db, feeds, *runs)


def _drawn(path: str, seed: int, wide: bool) -> dict[str, Any]:
    """Inputs of the model at *path*; not *wide*: floats from -1 to 1, which the ranges of 8 bits are made for."""
    feeds = fed(onnx.load(path), seed)
    random = np.random.default_rng(seed)
    narrow = {n: random.uniform(-1, 1, a.shape).astype(a.dtype) for n, a in feeds.items() if a.dtype.kind == "f"}
    return feeds if wide else {**feeds, **narrow}


def polygraphy_run(both: Sides, folder: Path) -> Said:
    """``polygraphy run CANDIDATE --onnxrt`` against saved outputs of the reference.

    Where the engines of a pair are others than Polygraphy has, both sides are saved: ``run --load-outputs A B``.
    Where it finds a difference between two files, it is asked once more with all values marked, on one sample, for the
    first of them that differs. An SNR is given where the gate is given one.
    """
    from polygraphy.comparator import IterationResult, RunResults
    from polygraphy.json import save_json

    inputs, saved = str(folder / "inputs.json"), []
    save_json([dict(one) for one in both.feeds], inputs)
    for name, runs in (("reference", both.reference), ("candidate", both.candidate)):
        made = [IterationResult(outputs=dict(run), runtime=0.0, runner_name=name) for run in runs]
        saved.append(str(folder / f"{name}.json"))
        save_json(RunResults([(name, made)]), saved[-1])
    model = [both.paths[0], "--onnxrt", "--load-inputs", inputs, "--load-outputs", saved[0]]
    limit = ["--compare", "snr", "--snr-threshold", str(both.snr_db)] if both.snr_db else []
    equal = _polygraphy([*(model if both.plain else ["--load-outputs", *saved]), *limit])
    return Said(equal, _first_that_differs(both, folder, inputs) if both.plain and not equal else "")


def _polygraphy(arguments: list[str]) -> bool:
    from polygraphy.tools._main import main

    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        try:
            return main(["run", *arguments, "--silent"]) == 0
        except (Exception, SystemExit):
            return False


def _first_that_differs(both: Sides, folder: Path, inputs: str) -> str:
    from polygraphy.comparator import Comparator, RunResults
    from polygraphy.json import save_json

    save_json([dict(both.feeds[0])], inputs)
    results = RunResults()
    for name, path in zip(("candidate", "reference"), both.paths, strict=True):
        target = str(folder / f"{name}-all.json")
        every = ["--onnx-outputs", "mark", "all", "--load-inputs", inputs, "--save-outputs", target]
        if not _polygraphy([path, "--onnxrt", *every]):
            return ""
        for _, runs in RunResults.load(target):
            results.append((name, runs))
    try:
        compared = Comparator.compare_accuracy(results)
    except Exception:  # of shapes and types that differ
        return ""
    for runs in (runs for function in compared for runs in function.values()):
        for values in runs:
            return next((value for value, same in values.items() if not same), "")
    return ""


def torch_testing(both: Sides, folder: Path) -> Said:
    """torch.testing.assert_close as PyTorch's tutorial on ONNX export has it: by position, its own tolerances."""
    import torch

    assert folder, "the tools are asked alike"
    try:
        for ours, theirs in zip(both.candidate, both.reference, strict=True):
            for a, b in zip(ours.values(), theirs.values(), strict=False):
                torch.testing.assert_close(torch.from_numpy(a), torch.from_numpy(b))
    except AssertionError:
        return Said(False)
    except TypeError:
        return Said(None)  # text, or a type that it does not take
    return Said(True)


def torch_verification(both: Sides, folder: Path) -> Said:
    """torch.onnx.verification, with the limits that the exporter's own report has: by position."""
    import torch
    from torch.onnx.verification import VerificationInfo

    assert folder, "the tools are asked alike"
    try:
        for ours, theirs in zip(both.candidate, both.reference, strict=True):
            for name, a, b in zip(theirs, theirs.values(), ours.values(), strict=False):
                info = VerificationInfo.from_tensors(name, torch.from_numpy(a), torch.from_numpy(b))
                if info.max_abs_diff >= VERIFIED_ABS or info.max_rel_diff >= VERIFIED_REL:
                    return Said(False)
    except RuntimeError:
        return Said(False)  # shapes that do not fit
    except TypeError:
        return Said(None)
    return Said(True)


Tool = Callable[[Sides, Path], Said]
TOOLS: dict[str, tuple[str, Tool]] = {
    "polygraphy run": ("polygraphy", polygraphy_run),
    "torch.testing": ("torch", torch_testing),
    "torch.onnx.verification": ("torch", torch_verification),
}
"""By name: the distribution that a tool needs, and what asks it."""


def installed() -> dict[str, str]:
    """Version by name of the tools that are installed here."""
    return {n: importlib.metadata.version(need) for n, (need, _) in TOOLS.items() if importlib.util.find_spec(need)}


def node_of(path: str, value: str) -> str:
    """Name of the node that gives *value* in the model at *path*."""
    graph = onnx.load(path, load_external_data=False).graph
    return next((node.name for node in graph.node if value in node.output), "")
