"""Models of the `transformers` library converted by the gate's own `convert`, and gated against their weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from pytest_onnxaccel import convert_source
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec, SourceSpec
from pytest_onnxaccel.runner.conversion.convert import Saved
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.transformers.damage import damage_input, damage_weight
from suites.transformers.library_faults import InputFault, WeightFault
from suites.transformers.library_nets import NETS, Net, seeded

_ROOT = str(Path(__file__).resolve().parents[2])


def run_options(folder: Path) -> RunOptions:
    return RunOptions(import_paths=(_ROOT,), cache=str(folder / "cache"))


def converted(name: str, folder: Path, nets: dict[str, Net] = NETS) -> Saved:
    """The weights of *name* as ``NAME.pth`` in *folder*, converted to ``NAME.onnx`` beside them.

    Raises:
        OnnxAccelError: it cannot be converted.
    """
    net = nets[name]
    weights = folder / f"{name}.pth"
    torch.save(module_of(net).state_dict(), weights)
    return convert_source(
        weights, folder / f"{name}.onnx", loader=_loader(net), inputs=net.inputs, outputs=net.outputs,
        options=run_options(folder),
    )  # fmt: skip


def module_of(net: Net) -> nn.Module:
    return seeded(net.build)


def gated(
    name: str, candidate: Path, folder: Path, engines: Engines, checks: Sequence[str] = ("parity",),
    nets: dict[str, Net] = NETS,
) -> list[CheckResult]:  # fmt: skip
    """Verdicts on *candidate* with no manifest; its reference is ``NAME.pth`` in *folder*."""
    weights = folder / f"{name}.pth"
    source = SourceSpec(str(weights), weights.name, _loader(nets[name]), (), "--onnx-reference")
    spec = ModelSpec(name, str(candidate), candidate.name)
    runner = Runner([spec], {name: ("ort-cpu",)}, engines.options, engines=engines)
    try:
        asked = {"parity": Request(name, "parity", "ort-cpu", weights.name, source=source)}
        return [runner.check(asked.get(check, Request(name, check, "ort-cpu"))) for check in checks]
    finally:
        runner.close()


def plant(fault: WeightFault | InputFault, healthy: Path, target: Path, nets: dict[str, Net] = NETS) -> None:
    """Write *healthy* with *fault* to *target*."""
    if isinstance(fault, InputFault):
        damage_input(healthy, target, fault.input, fault.factor, fault.plus)
    else:
        weight = module_of(nets[fault.net]).state_dict()[fault.weight].numpy()
        damage_weight(healthy, target, weight, fault.change, seed=1)


def caught(result: CheckResult) -> bool:
    return result.verdict is Verdict.FAILED and result.code == "V_PARITY"


def names_it(result: CheckResult, fault: WeightFault | InputFault) -> bool:
    """The place of *fault* stands in the message, or where it says what differs there."""
    told = (result.message, *(line for line in result.details if line.startswith("there: ")))
    return any(fault.owner in line for line in told)


def _loader(net: Net) -> str:
    return f"suites.transformers.library_nets:{net.build.__name__}"
