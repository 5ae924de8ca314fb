"""The second look at a TorchScript module, loaded and not yet run: the operators of its compiled graphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pytest_onnxaccel.backends.pytorch.safety.allowed import how_to_allow, node_computes
from pytest_onnxaccel.core.errors import ModelError, printable


def check_graphs(module: Any, trusted: Sequence[str] = ()) -> None:
    """Refuse the loaded *module* if a method of it or of its parts holds an operator that does not compute.

    Raises:
        ModelError: ``E_UNSAFE``, with the operator and the method.
    """
    for name, part in module.named_modules():
        for method in part._c._method_names():
            for kind in sorted(set(_kinds(part._c._get_method(method).graph))):
                if not node_computes(kind, trusted):
                    where = f"{name}.{method}".lstrip(".")
                    cause = f"its TorchScript graph holds {printable(kind, 80)} (in {printable(where, 80)})"
                    target = "torch.ops." + kind.replace("::", ".")
                    raise ModelError(cause, code="E_UNSAFE", remedy=how_to_allow(target))


def _kinds(graph: Any) -> Iterator[str]:
    """Yield kinds of all nodes, those of called functions among them."""
    import torch

    graph = graph.copy()
    torch._C._jit_pass_inline(graph)
    pending = [graph]
    while pending:
        for node in pending.pop().nodes():
            yield node.kind()
            pending += node.blocks()
            for name in node.attributeNames():
                if node.kindOf(name) == "g":
                    pending.append(node.g(name))
                elif node.kindOf(name) == "gs":
                    pending += node.gs(name)
