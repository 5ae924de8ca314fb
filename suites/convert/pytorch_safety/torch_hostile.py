"""Archives with a payload, made from a legal one; a payload that runs writes the file *canary*."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

Change = Callable[[dict[str, bytes]], None]


class Plain(nn.Module):
    """Nx4 -> Nx3."""

    def __init__(self) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.arange(12.0).reshape(4, 3) - 6)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x @ self.W)


class Branching(nn.Module):
    def forward(self, x: Tensor, *, scale: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda v: v.sin() + 1, lambda v: v.cos(), (x,)) * scale


class Writing:
    """Unpickling it writes the canary."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.canary), "w")


def archive(path: Path, root: str, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in members.items():
            made.writestr(f"{root}/{name}" if root else name, content)
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as held:
        return {name.partition("/")[2]: held.read(name) for name in held.namelist()}


def script(path: Path, change: Change) -> Path:
    """The archive of :class:`Plain` as TorchScript, with *change* made to its members."""
    torch.jit.script(Plain().eval()).save(str(path))
    held = {name: content for name, content in members(path).items() if not name.endswith(".debug_pkl")}
    change(held)
    return archive(path, path.stem, held)


CODE = "code/__torch__/torch_hostile.py"


def line(text: str) -> Change:
    """Put *text* before the last line of ``forward``."""

    def change(held: dict[str, bytes]) -> None:
        code = held[CODE].decode()
        assert "    return " in code
        held[CODE] = code.replace("    return ", f"    {text}\n    return ", 1).encode()

    return change


def program(path: Path, change: Change, branching: bool = False) -> Path:
    """The exported program of :class:`Plain`, or of :class:`Branching`, with *change* made to its members."""
    if branching:
        made = torch.export.export(Branching().eval(), (torch.rand(2, 4),), {"scale": torch.rand(4)})
    else:
        batch = {"x": {0: torch.export.Dim("batch", min=1, max=64)}}
        made = torch.export.export(Plain().eval(), (torch.rand(2, 4),), dynamic_shapes=batch)
    torch.export.save(made, path)
    held = members(path)
    change(held)
    return archive(path, path.stem, held)


MODEL = "models/model.json"


def edited(edit: Callable[[Any], Any], member: str = MODEL) -> Change:
    """Let *edit* change the JSON of *member*."""

    def change(held: dict[str, bytes]) -> None:
        value = json.loads(held[member])
        edit(value)
        held[member] = json.dumps(value).encode()

    return change


def texts(replace: Callable[[str], str], member: str = MODEL) -> Change:
    """Let *replace* change the text of *member*."""

    def change(held: dict[str, bytes]) -> None:
        before = held[member].decode()
        held[member] = replace(before).encode("utf-8", "surrogateescape")
        assert held[member] != before.encode()

    return change


def saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def graph(value: Any) -> Any:
    return value["graph_module"]["graph"]


def signature(value: Any) -> Any:
    return value["graph_module"]["module_call_graph"][0]["signature"]


def renamed(value: Any, old: str, new: str) -> Any:
    """*value* with each text *old* in it, also as a key, replaced."""
    if isinstance(value, dict):
        return {renamed(key, old, new): renamed(one, old, new) for key, one in value.items()}
    if isinstance(value, list):
        return [renamed(one, old, new) for one in value]
    return new if value == old else value


def argument(name: str, kind: str, value: Any) -> dict[str, Any]:
    return {"name": name, "arg": {kind: value}, "kind": 1}


def calling(target: str, *inputs: dict[str, Any]) -> Callable[[Any], None]:
    """Put a node that calls *target* before the others, and let its result be added in."""

    def edit(value: Any) -> None:
        held = graph(value)
        extra = {"is_hop_single_tensor_return": None, "metadata": dict(held["nodes"][0]["metadata"])}
        node = {
            "target": target,
            "name": "f",
            "outputs": [{"as_tensor": {"name": "f"}}],
            "inputs": list(inputs),
            **extra,
        }
        held["nodes"].insert(0, node)
        one = {"sizes": [{"as_int": 3}], "strides": [{"as_int": 1}], "requires_grad": False}
        held["tensor_values"]["f"] = {**held["tensor_values"]["p_w"], **one}

    return edit


def plainly_pickled(canary: Path) -> bytes:
    return pickle.dumps(Writing(canary))
