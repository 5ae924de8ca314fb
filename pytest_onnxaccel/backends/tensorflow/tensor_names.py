"""Which tensors of a TensorFlow graph are its inputs and outputs, and which one a name means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError, ModelError, printable
from pytest_onnxaccel.core.specs import Dim, TensorSpec

_PLACEHOLDERS = ("Placeholder", "PlaceholderV2")
#: What computes nothing that a user would call an output.
NO_OUTPUT = frozenset({
    "Const", "Placeholder", "PlaceholderV2", "PlaceholderWithDefault", "NoOp", "Assert", "VarHandleOp", "VariableV2",
    "Variable", "ReadVariableOp", "VarIsInitializedOp", "IsVariableInitialized", "Assign", "AssignVariableOp",
    "Save", "SaveV2", "SaveSlices", "Restore", "RestoreV2", "RestoreSlice", "MergeV2Checkpoints", "ShardedFilename",
    "StringJoin", "HashTableV2", "MutableHashTableV2", "LookupTableImportV2",
})  # fmt: skip
#: Operations that only training has.
_TRAINING = ("Apply", "ResourceApply", "SparseApply", "ResourceSparseApply")


def plain(name: str) -> str:
    """Return *name* without the ``:0`` of a tensor that is its operation's first."""
    return name.removesuffix(":0")


def is_training(graph: Any) -> bool:
    """Return whether *graph* still holds the steps of an optimizer."""
    return any(op.type.startswith(_TRAINING) for op in graph.get_operations())


def ends(graph: Any) -> list[Any]:
    """Return the tensors of operations whose results nothing takes: the outputs of a graph that names none."""
    return [
        tensor
        for op in graph.get_operations()
        if op.type not in NO_OUTPUT
        and op.outputs
        and not any(tensor.consumers() for tensor in op.outputs)
        and not _reads_variable(op)
        and not any(before.type in ("SaveV2", "Save", "MergeV2Checkpoints") for before in op.control_inputs)
        for tensor in op.outputs
        if tensor.dtype.name not in ("resource", "variant")
    ]


def _reads_variable(op: Any) -> bool:
    return op.type == "Identity" and op.inputs[0].op.type in ("Variable", "VariableV2", "ReadVariableOp")


def placeholders(outputs: Iterable[Any], fed: Iterable[Any] = ()) -> list[Any]:
    """Return the placeholders that *outputs* depend on, in the order of the graph.

    What is behind *fed* tensors is not followed.
    """
    known = {tensor.name for tensor in fed}
    seen: set[str] = set()
    found: list[Any] = []
    waiting = list(outputs)
    while waiting:
        tensor = waiting.pop()
        if tensor.name in known or tensor.op.name in seen:
            continue
        seen.add(tensor.op.name)
        if tensor.op.type in _PLACEHOLDERS:
            found.append(tensor)
        waiting += tensor.op.inputs
    order = {op.name: at for at, op in enumerate(found[0].graph.get_operations())} if found else {}
    return sorted(found, key=lambda tensor: order[tensor.op.name])


def named_tensor(graph: Any, name: str, what: str) -> Any:
    """Return the tensor called *name*, or first of the operation called so.

    Raises:
        ModelError: ``V_CONTRACT``: there is none; the nearest names are suggested.
    """
    try:
        return graph.get_tensor_by_name(name if ":" in name else f"{name}:0")
    except (KeyError, ValueError, TypeError):
        names = [f"{op.name}:0" for op in graph.get_operations() if op.outputs]
        raise missing(name, what, names) from None


def choose(wanted: Sequence[str], found: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Match each of the *wanted* names with *found*, whose keys are the names that the source gives.

    A name means the entry of that name, else the entry whose tensor is called so, else either without ``:0``. Never
    does a place in a list decide.

    Raises:
        ModelError: ``V_CONTRACT``: a name means nothing, or two names mean the same.
    """
    by_tensor = {getattr(tensor, "name", key): key for key, tensor in found.items()}
    by_plain = {plain(name): key for name, key in (*by_tensor.items(), *((key, key) for key in found))}
    chosen: dict[str, Any] = {}
    taken: dict[str, str] = {}
    for name in wanted:
        key = name if name in found else by_tensor.get(name) or by_plain.get(plain(name))
        if key is None:
            raise missing(name, what, list(found))
        if key in taken:
            raise ModelError(
                f"{what}s {taken[key]!r} and {name!r} of the model are both {key!r} of the source", code="V_CONTRACT"
            )
        taken[key] = name
        chosen[name] = found[key]
    return chosen


def missing(name: str, what: str, names: Sequence[str]) -> ModelError:
    """Return the error for a source that has no *what* called *name*."""
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or list(names[:4])
    has = f"it has {', '.join(printable(item, 60) for item in near)}" if near else "it has none"
    return ModelError(
        f"the source has no {what} {printable(name, 80)!r}: {has}",
        code="V_CONTRACT",
        remedy="name inputs and outputs in the model as in the source",
    )


def ask_for_outputs(graph: Any) -> ConfigError:
    """Refuse to guess the outputs of a training graph: the loss is an end of it, the prediction is not."""
    names = [tensor.name for tensor in ends(graph)][:4]
    return ConfigError(
        f"the graph is that of a training, whose ends are not what it predicts (ends: {', '.join(names) or 'none'})",
        remedy="name its outputs, such as pred:0",
    )


def spec_of(name: str, tensor: Any, shape: Any = None) -> TensorSpec:
    """Return *tensor* as a spec called *name*; *shape* (a ``TensorShape``) where the graph knows none."""
    known = tensor.shape if tensor.shape.rank is not None or shape is None else shape
    dims: tuple[Dim, ...] | None = None
    if known.rank is not None:
        dims = tuple(None if dim is None else int(dim) for dim in known.as_list())
    return TensorSpec(name, tensor.dtype.base_dtype.name, dims)
