"""On which provider each node of a model runs, as the session itself recorded it."""

from __future__ import annotations

from collections import Counter
from typing import Any

CPU = "CPUExecutionProvider"
#: Nodes on the CPU that are named; all of them are counted.
NAMED = 50
#: The key of a session's options that makes it record.
RECORD = "session.record_ep_graph_assignment_info"


def record(options: Any) -> None:
    """Have a session of *options* record where its nodes run."""
    options.add_session_config_entry(RECORD, "1")


def placement(session: Any) -> dict[str, Any] | None:
    """Return where the nodes of *session* run; None where this version cannot tell.

    Returns:
        ``nodes``: how many by provider; ``cpu``: name and operator of those on the CPU, the first fifty;
        ``cpu_operators``: how many of each operator there.
    """
    ask = getattr(session, "get_provider_graph_assignment_info", None)
    if ask is None:
        return None
    nodes: Counter[str] = Counter()
    operators: Counter[str] = Counter()
    on_cpu: list[list[str]] = []
    for subgraph in ask():
        found = subgraph.get_nodes()
        nodes[str(subgraph.ep_name)] += len(found)
        if subgraph.ep_name == CPU:
            on_cpu += [[str(node.name), _operator(node)] for node in found]
            operators.update(_operator(node) for node in found)
    return {"nodes": dict(nodes), "cpu": on_cpu[:NAMED], "cpu_operators": dict(operators)}


def _operator(node: Any) -> str:
    domain = str(getattr(node, "domain", ""))
    return f"{domain}.{node.op_type}" if domain not in ("", "ai.onnx") else str(node.op_type)
