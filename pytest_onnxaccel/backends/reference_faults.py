"""What onnx's own evaluator is known to compute wrongly: there it is not a yardstick, and is not asked.

Each row is proven in ``suites/unit/backends/test_reference_faults.py`` or ``test_reference_windows.py`` by arithmetic
written out, next to a model of the same operator that the evaluator computes right. Where a right form is short it is
in :mod:`.reference_operators` instead.
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


#: What recurrent operators do where the model does not say.
_USUAL = {"GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "RNN": ["Tanh"]}


def _other_functions(operator: str) -> Callable[[Mapping[str, Any]], bool]:
    def when(attributes: Mapping[str, Any]) -> bool:
        names = [each.decode() if isinstance(each, bytes) else each for each in attributes.get("activations", ())]
        usual = _USUAL[operator]
        return names not in ([], usual, [*usual, *usual]) and not (operator == "RNN" and {*names} <= {"Tanh", "Affine"})

    return when


def _clipped(attributes: Mapping[str, Any]) -> bool:
    return "clip" in attributes


def _rounds_up(attributes: Mapping[str, Any]) -> bool:
    return bool(attributes.get("ceil_mode"))


def _same_lower(attributes: Mapping[str, Any]) -> bool:
    return attributes.get("auto_pad") in (b"SAME_LOWER", "SAME_LOWER")


def _coupled(attributes: Mapping[str, Any]) -> bool:
    return bool(attributes.get("input_forget"))


def _cubic_border(attributes: Mapping[str, Any]) -> bool:
    return attributes.get("mode") in (b"cubic", b"bicubic") and attributes.get("padding_mode") == b"border"


def _sized(attributes: Mapping[str, Any]) -> bool:
    return bool(attributes.get("output_shape")) and attributes.get("auto_pad", b"NOTSET") == b"NOTSET"


#: Proven with onnx 1.23.
FAULTS = (
    Fault(
        "SVMClassifier", "ai.onnx.ml", _many_classes,
        "couples the probabilities of pairs of classes by a product of matrices instead of numbers",
    ),
    *(Fault(name, "", _other_functions(name), "takes no other activations than the usual ones") for name in _USUAL),
    *(Fault(name, "", _clipped, "does not clip what goes into the activations") for name in _USUAL),
    Fault("LSTM", "", _coupled, "does not couple the forget gate to the input gate"),
    Fault("LpPool", "", _rounds_up, "scales up the last windows of a size that is rounded up"),
    Fault("MaxPool", "", _same_lower, "rounds the size of SAME_LOWER down"),
    Fault("GridSample", "", _cubic_border, "moves a point outside to the border, not the pixels around it"),
    Fault("ConvTranspose", "", _sized, "takes no output_shape without auto_pad"),
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
