"""PyTorch sources, legal and bent: archives, TorchScript and exported programs of one small network.

The network gives ``relu(x @ W)``: `x` Nx4 float32, the result Nx3.
"""

from __future__ import annotations

import functools
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx.helper import make_node

from fixtures.graphs.assembly import assemble, seeded, value
from suites.hostile.case import Entry, Place
from suites.hostile.onnx_files.graphs import data

WEIGHTS = seeded(0, 4, 3)


@functools.cache
def module() -> Any:
    """The network."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.W = torch.nn.Parameter(torch.from_numpy(WEIGHTS.copy()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(x @ self.W)

    return Net().eval()


@functools.cache
def script() -> bytes:
    """The network as TorchScript."""
    import torch

    found = io.BytesIO()
    torch.jit.save(torch.jit.script(module()), found)
    return found.getvalue()


@functools.cache
def program() -> bytes:
    """The network as an exported program whose batch is free."""
    import torch

    sizes = {"x": {0: torch.export.Dim("batch", min=1, max=64)}}
    found = io.BytesIO()
    torch.export.save(torch.export.export(module(), (torch.ones(2, 4),), dynamic_shapes=sizes), found)
    return found.getvalue()


def members(archive: bytes) -> dict[str, bytes]:
    """Content by name of the files of *archive*."""
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        return {name: found.read(name) for name in found.namelist()}


def packed(files: dict[str, bytes], **options: Any) -> bytes:
    """An archive of *files*."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return found.getvalue()


def with_code(change: Callable[[str], str]) -> bytes:
    """:func:`script` after *change* of the code of its network."""
    files = {name: content for name, content in members(script()).items() if not name.endswith(".debug_pkl")}
    for name, content in files.items():
        if "/code/" in name and name.endswith(".py"):
            files[name] = change(content.decode()).encode()
    return packed(files)


def with_program(change: Callable[[str], str]) -> bytes:
    """:func:`program` after *change* of its JSON text."""
    files = members(program())
    for name, content in files.items():
        if name.endswith("models/model.json"):
            files[name] = change(content.decode()).encode()
    return packed(files)


def with_graph(change: Callable[[dict[str, Any]], object]) -> bytes:
    """:func:`program` after *change* of its parsed JSON."""

    def apply(text: str) -> str:
        parsed = json.loads(text)
        change(parsed)
        return json.dumps(parsed)

    return with_program(apply)


def entry(place: Place, content: bytes, suffix: str, loader: str = "") -> Entry:
    """*content* as the source of the network's ONNX model."""
    model = assemble(
        "net",
        [make_node("MatMul", ["x", "W"], ["m"]), make_node("Relu", ["m"], ["y"])],
        [value("x", "batch", 4)],
        [value("y", "batch", 3)],
        {"W": np.asarray(WEIGHTS)},
    )
    path, source = place.folder / "net.onnx", place.folder / f"net{suffix}"
    path.write_bytes(data(model))
    source.write_bytes(content)
    return Entry(path, Path(source), loader)
