"""Operators that go through steps: trips of a loop, lengths of sequences, where recurrent operators have the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_onnxaccel.core.domains import Bound
from pytest_onnxaccel.graph.inputs.findings import Demand, Finding, named
from pytest_onnxaccel.graph.inputs.walk import Rule, Site


def trips(site: Site) -> None:
    """Loop: a few turns; the condition holds at its start."""
    for trace in site.operand(0).traces:
        site.findings.add(
            Finding(trace.input, f"is the trip count of {named(site.node)}", "number", 1, 5, points=(1, 3))
        )
    for trace in site.operand(1).traces:
        site.findings.add(Finding(trace.input, f"lets {named(site.node)} begin", "category", choices=(1,)))


def lengths(place: int, batch_axis: int = 1) -> Rule:
    """Return an operand with the length of each sequence: 1 to the size of the axis of time."""

    def rule(site: Site) -> None:
        data = site.operand(0).shape
        time = int(site.attribute("time_axis", 0)) if site.operator.name == "ReverseSequence" else 0
        if site.attribute("layout", 0):
            time = 1
        size = data[time] if data is not None and time < len(data) else None
        for trace in site.operand(place).traces:
            high: Bound = size if size is not None else 1
            site.findings.add(
                Finding(trace.input, f"is the length of sequences in {named(site.node)}", "length", 1, high)
            )

    return rule


def recurrent(site: Site) -> None:
    """LSTM, GRU, RNN: time and batch are axes 0 and 1 of the data and of the state."""
    first = int(site.attribute("layout", 0)) == 1
    for place, axis_of_batch in ((0, 1), (4, 0), (5, 1), (6, 1)):
        for trace in site.operand(place).traces:
            if trace.ordered:
                site.findings.batch_axes[trace.input] = 0 if first else axis_of_batch


def scanned(site: Site) -> None:
    """Scan: what it goes through is time, so the batch is on another axis."""
    axes = site.attribute("scan_input_axes") or ()
    count = int(site.attribute("num_scan_inputs", 0))
    for place, value in enumerate(site.operands[len(site.operands) - count :]):
        for trace in value.traces if value is not None and site.opset >= 9 else ():
            time = int(axes[place]) if place < len(axes) else 0
            if trace.ordered and value is not None and len(value.shape or ()) > 1:
                site.findings.batch_axes[trace.input] = 1 if time == 0 else 0


def small(place: int, low: float, high: float, what: str, kind: str = "number") -> Rule:
    """Return an operand between two numbers, whatever is declared."""

    def rule(site: Site) -> None:
        site.findings.bounds(site.operand(place).traces, site.node, Demand(what, low, high, kind))

    return rule


def trained(site: Site) -> None:
    """Dropout: a flag that says whether it is trained; what is judged is what a trained model gives."""
    for trace in site.operand(2).traces:
        site.findings.add(Finding(trace.input, f"switches training on in {named(site.node)}", "category", choices=(0,)))


_RECURRENT = (lengths(4), recurrent)

RULES: Mapping[str, Sequence[Rule]] = {
    ":Loop": (trips,),
    ":Scan": (scanned,),
    ":LSTM": _RECURRENT,
    ":GRU": _RECURRENT,
    ":RNN": _RECURRENT,
    ":ReverseSequence": (lengths(1),),
    ":Dropout": (small(1, 0, 0.5, "is a share"), trained),
}
