"""Results as the transformers library gives them, without the library: fields by name, keyword arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from suites.plugin.pythonpath import before

NETS = '''
from collections import OrderedDict
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn


class ModelOutput(OrderedDict):
    """A mapping of the fields that are not None."""

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                OrderedDict.__setitem__(self, field.name, value)


@dataclass
class Output(ModelOutput):
    loss: Tensor | None = None
    logits: Tensor | None = None
    pooled: Tensor | None = None


@dataclass
class Plain:
    logits: Tensor
    rest: dict


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(50, 8), nn.Linear(8, 3)

    def pooled(self, input_ids, attention_mask):
        hidden = self.table(input_ids)
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)

    def forward(self, input_ids=None, inputs_embeds=None, attention_mask=None, labels=None, return_dict=True, **kwargs):
        pooled = self.pooled(input_ids, attention_mask)
        return Output(logits=self.head(pooled), pooled=pooled)


class Nested(Classifier):
    def forward(self, input_ids, attention_mask):
        pooled = self.pooled(input_ids, attention_mask)
        return Plain(self.head(pooled), {"pooled": Output(pooled=pooled)})


class Odd(Classifier):
    def forward(self, input_ids, attention_mask):
        return {self.head(self.pooled(input_ids, attention_mask))}
'''


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": before(folder), "ONNXACCEL_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    (folder / "nets.py").write_text(NETS)
    (folder / "pytest.ini").write_text("[pytest]\n")
    space: dict[str, object] = {"__name__": "nets_of_a_test"}
    sys.modules.setdefault("nets_of_a_test", type(sys)("nets_of_a_test"))
    exec(NETS, space)
    torch.manual_seed(0)
    torch.save(space["Classifier"]().state_dict(), folder / "net.pth")  # type: ignore[operator]
    return folder


INPUTS = ("--input", "input_ids:int64:batchxsequence", "--input", "attention_mask:int64:batchxsequence")


@pytest.mark.parametrize("loader", ["Classifier", "Nested"])
@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_its_fields_are_outputs(repository: Path, loader: str, exporter: str) -> None:
    if (loader, exporter) == ("Nested", "torchscript"):
        pytest.skip("PyTorch's tracing takes no dataclass")
    name = f"{loader}-{exporter}.onnx"
    known = ("--loader", f"nets:{loader}", "--exporter", exporter)
    done = run(repository, "pytest_onnxaccel", "convert", "net.pth", "-o", name, *known, *INPUTS)
    assert done.returncode == 0, done.stderr
    second = "pooled" if loader == "Classifier" else "rest"  # a name is that of the outermost field
    assert f"  output logits float32[batchx3]\n  output {second} float32[batchx8]\n" in done.stdout
    assert "at batch 1, 2, 3 and sequence" in done.stdout
    gate = ("--onnx-reference=net.pth", f"--onnx-loader=nets:{loader}", "--onnx-backend=ort-cpu", "-k", "parity")
    done = run(repository, "pytest", "-p", "no:cacheprovider", f"--onnx-model={name}", *gate)
    assert done.returncode == 0, done.stdout


def test_what_holds_no_tensors_by_name_is_one_line(repository: Path) -> None:
    done = run(repository, "pytest_onnxaccel", "convert", "net.pth", "-o", "no.onnx", "--loader", "nets:Odd", *INPUTS)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "the source gives a set, which is not a tensor" in done.stderr
    assert not (repository / "no.onnx").exists()
