"""From an ONNX node back to the module of the framework that it came from, where names allow."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

import onnx

#: Node metadata of torch's dynamo exporter: the modules around a node, outermost first, then the operation.
SCOPES = "pkg.torch.onnx.name_scopes"

#: What exporters and torch call the tensors that a module owns; ``weight_bias`` is a batch norm folded away.
_OWNED = re.compile(
    r"^(?P<module>\w+(?:\.\w+)+|\w+)\.(?:weight|bias|running_mean|running_var|weight_bias|weight_[gv]|in_proj_\w+)$"
)


def module_of(node: onnx.NodeProto, initializers: Iterable[str] = ()) -> str:
    """Return the path of the module that *node* came from, as ``named_modules()`` gives it; empty where no name tells.

    Asked in this order: the scopes that the dynamo exporter writes into the node's metadata
    (``['', 'base_net.0', 'base_net.0.1', 'relu']``), a node name with scopes in it, as the TorchScript exporter
    gives (``/base_net.7/branch1/branch1.0/conv/Conv``), and the names of the node's *initializers*
    (``base_net.7.branch1.0.conv.weight``).
    """
    return _from_metadata(node) or _from_name(node) or _from_weights(node, set(initializers))


def _from_metadata(node: onnx.NodeProto) -> str:
    for entry in node.metadata_props:
        if entry.key == SCOPES:
            try:
                scopes = ast.literal_eval(entry.value)
            except (ValueError, SyntaxError):
                return ""
            inner = [scope for scope in scopes[:-1] if scope] if isinstance(scopes, list) else []
            return str(inner[-1]) if inner else ""
    return ""


def _from_name(node: onnx.NodeProto) -> str:
    if not node.name.startswith("/"):
        return ""
    path: list[str] = []
    for part in node.name.strip("/").split("/")[:-1]:
        # A child of a container repeats the container's name: /base_net/base_net.7
        if path and part.startswith(path[-1] + "."):
            path[-1] = part
        else:
            path.append(part)
    return ".".join(path)


def _from_weights(node: onnx.NodeProto, initializers: set[str]) -> str:
    for name in node.input:
        found = _OWNED.match(name) if name in initializers else None
        if found:
            return found["module"]
    return ""
