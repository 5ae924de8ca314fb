"""The batch check itself on exported modules: at a frozen batch of 1, and with the batch left dynamic."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import BatchPlan, InputSpec, ModelSpec
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.runner import Runner
from suites.rebatch.cases import Case, prepared, torch_results
from suites.rebatch.proof import session

SIZES = (1, 3, 10, 16)
BACKEND = "ort-cpu"


@dataclass(frozen=True)
class Judged:
    """The result of the check, and the path of the file that was accepted at each size."""

    result: CheckResult
    files: dict[int, Path]


def check(path: Path, sizes: Sequence[int] = SIZES, integers: Sequence[str] = (), freeze: bool = False) -> Judged:
    """The batch check on the model at *path*, as a run with ``--onnx-batch`` does it, in this process."""
    given = tuple(InputSpec(name, 0, 20) for name in integers)
    spec = ModelSpec(path.name, str(path), path.name, given, batch=BatchPlan(tuple(sizes)))
    runner = Runner([spec], {spec.name: (BACKEND,)}, RunOptions(in_process=True))
    try:
        result = runner.check(Request(spec.name, "batch", BACKEND))
        files: dict[int, Path] = {}
        if freeze and result.verdict == "passed":
            for size in sizes:
                # A copy, because the runner's folder goes with it
                files[size] = path.with_name(f"{path.stem}-batch-{size}.onnx")
                shutil.copy(runner.model_sessions.frozen(spec.name, size).path, files[size])
        return Judged(result, files)
    finally:
        runner.close()


def errors_against_torch(item: Case, path: Path, batch: int) -> str:
    """How the file at *path* differs from torch at *batch*; empty when it does not."""
    inputs, wanted = torch_results(item, batch)
    try:
        run = session(path)
        got = run.run(None, dict(zip([v.name for v in run.get_inputs()], inputs, strict=True)))
    except Exception as error:
        return f"does not run: {str(error).splitlines()[0][:120]}"
    for one, other in zip(got, wanted, strict=True):
        if one.shape != other.shape:
            return f"shape {one.shape}, torch {other.shape}"
        if not np.allclose(one, other, rtol=1e-3, atol=1e-5):
            return "values differ"
    return ""


def keeps_apart(item: Case) -> bool:
    """Torch itself, given a batch of 3, gives what it gives for each sample alone."""
    model, inputs = prepared(item, 3)
    with torch.no_grad():
        whole = _flat(model(*inputs))
        single_runs = [_flat(model(*(x[i : i + 1] for x in inputs))) for i in range(3)]
    for got, *parts in zip(whole, *single_runs, strict=True):
        wanted = [join(parts) for join in (torch.cat, torch.stack) if parts[0].dim() or join is torch.stack]
        fits = any(got.shape == one.shape and torch.allclose(got, one, rtol=1e-3, atol=1e-5) for one in wanted)
        if not fits:
            return False
    return True


def _flat(results: Any) -> list[Tensor]:
    return [results] if isinstance(results, Tensor) else list(results)


class _One(nn.Module):
    """A module under explicit argument names, which the dynamo exporter needs to be told of dynamic dimensions."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x0: Tensor) -> Any:
        return self.inner(x0)


class _Two(_One):
    """As :class:`_One` for two inputs."""

    def forward(self, x0: Tensor, x1: Tensor) -> Any:  # type: ignore[override]
        return self.inner(x0, x1)


def export_dynamic(item: Case, folder: Path) -> Path | str:
    """Export *item* with a dynamic batch; why not, where the exporter cannot."""
    model, inputs = prepared(item, 2)
    path = folder / f"{item.name}-dynamic.onnx"
    names = [f"x{i}" for i in range(len(inputs))]
    try:
        with torch.no_grad():
            results = _flat(model(*inputs))
    except (RuntimeError, AssertionError):
        return "torch itself takes a batch of 1 alone"
    outputs = [f"y{i}" for i in range(len(results))]
    if item.dynamo:
        model = (_One, _Two)[len(inputs) - 1](model).train(item.train)
        dynamic = tuple({0: torch.export.Dim.DYNAMIC} for _ in names)
        extra: dict[str, Any] = {"external_data": False, "verbose": False, "dynamic_shapes": dynamic}
    else:
        extra = {"opset_version": 17, "dynamic_axes": {name: {0: "N"} for name in names}}
    if item.train and not item.dynamo:
        extra["training"] = torch.onnx.TrainingMode.TRAINING
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model, inputs, str(path), dynamo=item.dynamo, input_names=names, output_names=outputs, **extra
            )
    except Exception as error:
        return f"the exporter: {str(error).strip().splitlines()[0][:60]}"
    run = session(path)
    if any(isinstance(value.shape[0], int) for value in run.get_inputs()):
        return "the exporter made the batch a number"
    return path
