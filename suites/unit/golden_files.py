"""Golden data in files, as others write it: protos, safetensors, and what Polygraphy 0.53 saves."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from onnx import numpy_helper

from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.golden.read import read
from pytest_onnxaccel.golden.values import unpack

#: Of a model that takes the three largest of each row.
TAKES = (TensorSpec("x", "float32", (2, 4)), TensorSpec("k", "int64", (1,)))
GIVES = (TensorSpec("best", "float32", (2, 3)), TensorSpec("at", "int64", (2, 3)))
X = np.arange(8, dtype=np.float32).reshape(2, 4)
FEEDS = {"x": X, "k": np.array([3])}
RIGHT = {"best": X[:, :0:-1].copy(), "at": np.array([[3, 2, 1], [3, 2, 1]])}


def write_set(folder: Path, feeds: Mapping[str, Any], right: Mapping[str, Any], named: bool = True) -> Path:
    """A set as onnx's own collections lay it out."""
    folder.mkdir(parents=True, exist_ok=True)
    for side, arrays in (("input", feeds), ("output", right)):
        for place, (name, array) in enumerate(arrays.items()):
            proto = numpy_helper.from_array(np.asarray(array), name if named else "")
            (folder / f"{side}_{place}.pb").write_bytes(proto.SerializeToString())
    return folder


def safetensors(arrays: Mapping[str, tuple[str, Any]]) -> bytes:
    """A safetensors file of arrays by name, each with the format's name of its type."""
    header: dict[str, Any] = {"__metadata__": {"format": "np"}}
    data = b""
    for name, (kind, array) in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def _ndarray(array: Any) -> dict[str, str]:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return {"array": base64.b64encode(buffer.getvalue()).decode(), "polygraphy_class": "ndarray"}


def polygraphy_inputs(*samples: Mapping[str, Any]) -> str:
    """What ``polygraphy run --save-inputs`` writes."""
    return json.dumps([{name: _ndarray(array) for name, array in sample.items()} for sample in samples])


def polygraphy_outputs(*samples: Mapping[str, Any]) -> str:
    """What ``polygraphy run --save-outputs`` writes: one runner's iterations."""
    runs = [
        {
            "outputs": {n: {"values": _ndarray(a), "polygraphy_class": "LazyArray"} for n, a in sample.items()},
            "runtime": 0.1, "runner_name": "onnxrt-runner", "polygraphy_class": "IterationResult",
        }
        for sample in samples
    ]  # fmt: skip
    return json.dumps({"lst": [["onnxrt-runner", runs]], "polygraphy_class": "RunResults"})


def read_back(
    folder: Path, alone: str = "", takes: tuple[TensorSpec, ...] = TAKES, gives: tuple[TensorSpec, ...] = GIVES
) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(name, inputs, outputs) of each set that a worker would read from the files of *folder*."""
    paths = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    target = folder.parent / f"{folder.name}.bin"
    target.unlink(missing_ok=True)
    told = read(str(folder), paths, alone, [vars(spec) for spec in takes], [vars(spec) for spec in gives], str(target))
    data = target.read_bytes()
    return [
        (entry["name"], *({n: unpack(p, data) for n, p in entry[side].items()} for side in ("input", "output")))
        for entry in told["sets"]
    ]


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Equal names, types, shapes and bits."""
    return list(one) == list(other) and all(
        one[n].dtype == other[n].dtype and one[n].shape == other[n].shape and one[n].tobytes() == other[n].tobytes()
        for n in one
    )
