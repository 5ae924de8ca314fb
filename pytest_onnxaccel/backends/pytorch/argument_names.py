"""How names meet a module's arguments and results."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.errors import ModelError

if TYPE_CHECKING:
    import torch

    from pytest_onnxaccel.backends.protocol import Array


def parameters(module: torch.nn.Module) -> list[str]:
    """Return the names of what ``forward`` takes, in order; empty where it does not tell."""
    schema = getattr(getattr(module, "forward", None), "schema", None)
    if schema is not None:  # TorchScript
        return [argument.name for argument in schema.arguments if argument.name != "self"]
    try:
        found = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    loose = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [parameter.name for parameter in found if parameter.kind not in loose]


def bind(module: torch.nn.Module, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return *values* by input name as positional and keyword arguments of ``forward``.

    Where every name is one of its parameters, names decide; else the order does.
    """
    names = parameters(module)
    if not set(values) <= set(names):
        return tuple(values.values()), {}
    taken = [name for name in names if name in values]
    if taken == names[: len(taken)]:
        return tuple(values[name] for name in taken), {}
    return (), {name: values[name] for name in taken}


def flatten(result: Any) -> list[tuple[str, Any]]:
    """Return the tensors of what a module gave, in order, each with its name: a key or a field, else empty."""
    import torch

    if isinstance(result, (torch.Tensor, bool, int, float)):
        return [("", result)]
    if isinstance(result, Mapping):
        return [(str(key), one) for key, value in result.items() for _, one in flatten(value)]
    if isinstance(result, (tuple, list)):
        names = getattr(result, "_fields", ("",) * len(result))
        return [(name or own, one) for name, value in zip(names, result, strict=True) for own, one in flatten(value)]
    if hasattr(result, "__dataclass_fields__"):
        return [(name, one) for name in result.__dataclass_fields__ for _, one in flatten(getattr(result, name))]
    if result is None:
        return []
    cause = f"the source gives a {type(result).__name__}, which is not a tensor"
    raise ModelError(cause, code="E_RUN", remedy="let it give tensors, or a tuple or dict of them")


def pair(found: Sequence[tuple[str, Any]], wanted: Sequence[str]) -> dict[str, Any]:
    """Return the source's outputs under the *wanted* names, those of the ONNX model, in its order.

    Names that both have decide; where they share none, the order does, because exporters make names up.

    Raises:
        ModelError: ``V_CONTRACT``: another number of outputs, or names of which only some agree.
    """
    names = [name for name, _ in found]
    if not wanted:
        return {name or f"output_{index}": value for index, (name, value) in enumerate(found)}
    if len(found) != len(wanted):
        shown = f" ({', '.join(names)})" if all(names) else ""
        raise ModelError(
            f"the source gives {len(found)} outputs{shown}, the ONNX model {len(wanted)} ({', '.join(wanted)})",
            code="V_CONTRACT",
            remedy="export all outputs, or let the loader give a module with these",
        )
    if set(names) == set(wanted) and len(set(names)) == len(names):
        values = dict(found)
        return {name: values[name] for name in wanted}
    shared = sorted(set(names) & set(wanted))
    if shared:
        raise ModelError(
            f"the source calls its outputs {', '.join(names)}, the ONNX model {', '.join(wanted)}",
            code="V_CONTRACT",
            remedy="export with the source's names",
        )
    return {name: value for name, (_, value) in zip(wanted, found, strict=True)}


def to_array(value: Any) -> Array:
    """Copy a tensor or number of PyTorch to a NumPy array."""
    import numpy as np
    import torch

    if not isinstance(value, torch.Tensor):
        return np.asarray(value)
    value = value.detach().cpu()
    if value.dtype is torch.bfloat16:
        import ml_dtypes

        half: Array = value.contiguous().view(torch.uint16).numpy().view(ml_dtypes.bfloat16)
        return half
    found: Array = value.resolve_conj().resolve_neg().contiguous().numpy()
    return found


def to_tensor(name: str, array: Array) -> torch.Tensor:
    """Copy a NumPy array to a tensor.

    Raises:
        ModelError: ``E_INPUT``: PyTorch has no such element type.
    """
    import numpy as np
    import torch

    try:
        if array.dtype.name == "bfloat16":
            return torch.from_numpy(array.copy().view(np.uint16)).view(torch.bfloat16)
        return torch.from_numpy(np.array(array, order="C"))
    except TypeError:
        raise ModelError(f"input {name!r}: PyTorch has no {array.dtype.name}", code="E_INPUT") from None
