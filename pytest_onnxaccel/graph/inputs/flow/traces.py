"""Traces of several values as those of one."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_onnxaccel.graph.inputs.trace import MOST_TRACES, Trace, Value


def moved(traces: Sequence[Trace]) -> tuple[Trace, ...]:
    return tuple(trace.moved() for trace in traces)


def joined(values: Sequence[Value]) -> tuple[Trace, ...]:
    return tuple(dict.fromkeys(trace for v in values for trace in moved(v.traces)))[:MOST_TRACES]
