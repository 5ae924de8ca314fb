"""Classes of a module's results: the dynamo exporter takes one of its own apart only where it is registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def register(result: Any) -> None:
    """Let PyTorch take apart what a module gave: mappings and dataclasses of any class, such as a ``ModelOutput``.

    A class that registered itself stays as it is. What is put together again is a dict: only the tensors are looked at.
    """
    import torch
    from torch.utils import _pytree

    if result is None or isinstance(result, (torch.Tensor, bool, int, float, str)):
        return
    if _pytree.tree_flatten(result)[1].is_leaf():
        if not isinstance(result, Mapping) and not hasattr(result, "__dataclass_fields__"):
            return
        _pytree.register_pytree_node(type(result), _apart, _together)
    parts = _apart(result)[0] if isinstance(result, Mapping) or hasattr(result, "__dataclass_fields__") else result
    for part in parts if isinstance(parts, (list, tuple)) else ():
        register(part)


def _apart(value: Any) -> tuple[list[Any], list[str]]:
    names = list(value) if isinstance(value, Mapping) else list(value.__dataclass_fields__)
    return [value[name] if isinstance(value, Mapping) else getattr(value, name) for name in names], names


def _together(values: Any, names: list[str]) -> dict[str, Any]:
    return dict(zip(names, values, strict=True))
