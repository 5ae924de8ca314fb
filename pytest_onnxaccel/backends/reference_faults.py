"""What onnx's own evaluator is known to compute wrongly: there it is not a yardstick, and is not asked.

Each row is proven in ``suites/unit/backends/test_reference_faults.py`` by arithmetic written out, next to a model of
the same operator that the evaluator computes right. Where a right form is short it is in
:mod:`.reference_operators` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_onnxaccel.core.frozen import record

#: More classes than these have probabilities that hang on all pairs of them.
_PAIR = 2


@record(frozen=True)
class Fault:
    """One thing that the evaluator computes wrongly.

    Attributes:
        operator, domain: of the node.
        when: says of a node's attributes whether they are such.
        why: in one clause.
    """

    operator: str
    domain: str
    when: Callable[[Mapping[str, Any]], bool]
    why: str


def _many_classes(attributes: Mapping[str, Any]) -> bool:
    labels = attributes.get("classlabels_ints") or attributes.get("classlabels_strings") or ()
    return bool(attributes.get("prob_a")) and len(labels) > _PAIR


#: Proven with onnx 1.23.
FAULTS = (
    Fault(
        "SVMClassifier", "ai.onnx.ml", _many_classes,
        "couples the probabilities of pairs of classes by a product of matrices instead of numbers",
    ),
)  # fmt: skip


def fault_of(model: Any) -> str:
    """Return what the evaluator would compute wrongly in *model*, with the node; empty where nothing is known."""
    from onnx import helper

    from pytest_onnxaccel.graph.files import all_graphs

    for graph in all_graphs(model):
        for node in graph.node:
            for fault in FAULTS:
                if (node.op_type, node.domain) != (fault.operator, fault.domain):
                    continue
                if fault.when({item.name: helper.get_attribute_value(item) for item in node.attribute}):
                    return f"onnx's evaluator computes {node.op_type} {node.name!r} wrongly: it {fault.why}"
    return ""
