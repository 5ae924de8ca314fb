"""Eval mode, enforced: a module is switched, and what has training baked in is refused by the layer that has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.errors import ModelError

if TYPE_CHECKING:
    import torch

#: Position of the training flag among the arguments of these operators.
_FLAG = {"dropout": 2, "feature_dropout": 2, "alpha_dropout": 2, "batch_norm": 5, "instance_norm": 5}


def switch_to_eval(module: torch.nn.Module, program: torch.export.ExportedProgram | None) -> list[str]:
    """Switch *module* to eval mode; what was in training mode is noted.

    Args:
        module: the module, changed in place.
        program: what *module* was made of, whose mode can no longer be changed.

    Raises:
        ModelError: ``E_CONVERT``: training is part of a recorded graph.
    """
    import torch

    notes = []
    if program is None:
        if any(part.training for part in module.modules() if hasattr(part, "training")):
            notes.append("it was in training mode and was switched to eval()")
        try:
            module.eval()
        except Exception:  # a frozen TorchScript archive has no mode any more
            notes.clear()
    baked = list(_in_program(program)) if program is not None else []
    if isinstance(module, torch.jit.ScriptModule):
        baked = list(_in_script(module))
    if baked:
        raise ModelError(
            f"training is baked into it: {baked[0]} runs in training mode",
            code="E_CONVERT",
            remedy="call eval() before tracing or exporting it",
        )
    return notes


def _in_program(program: torch.export.ExportedProgram) -> Iterator[str]:
    for graph_module in program.graph_module.modules():
        for node in getattr(getattr(graph_module, "graph", None), "nodes", ()):
            name = str(node.target).removeprefix("aten.").partition(".")[0]
            position = _FLAG.get(name)
            if node.op == "call_function" and position is not None and len(node.args) > position:
                # Instance norm's flag says whose statistics it takes: its own, which is what it does in eval mode too
                if node.args[position] is True and name != "instance_norm":
                    yield f"{name} {node.name!r}"
            elif str(node.target) == "aten._native_batch_norm_legit.default" and node.args[5] is True:
                yield f"batch_norm {node.name!r}"


def _in_script(module: Any) -> Iterator[str]:
    try:
        graph = module.inlined_graph
    except Exception:  # no forward of its own: running it says so
        return
    pending = [graph]
    while pending:
        for node in pending.pop().nodes():
            pending += node.blocks()
            name = node.kind().removeprefix("aten::")
            position = _FLAG.get(name)
            if position is None or name == "instance_norm":
                continue
            inputs = list(node.inputs())
            if len(inputs) > position and inputs[position].toIValue() is True:
                scope = node.scopeName().rpartition("/")[2].rpartition("::")[2]
                yield f"{name} {scope or node.outputsAt(0).debugName()!r}"
