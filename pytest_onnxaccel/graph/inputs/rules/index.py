"""Operands that number the rows of a table, the classes of a loss, or the elements of an axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from pytest_onnxaccel.graph.inputs.findings import Demand, Finding, named
from pytest_onnxaccel.graph.inputs.trace import Trace, Value
from pytest_onnxaccel.graph.inputs.walk import Rule, Site

#: Of so many rows each one is read; and of so many by a number that is fed alone.
_FEW, _FEW_ALONE = 16, 64
#: Places of one axis that are gone through one by one.
_MOST = 256


def _rows(site: Site, place: int, size: int | None, what: str) -> None:
    """Operand *place* numbers *size* rows: 0 to size - 1. Negative numbers are legal in ONNX and nowhere else."""
    if size is None or size < 1:
        return
    read, text = site.operand(place), f"indexes {size} {what}"
    # Of a few rows each one is read, also by a single number for a whole run
    few = size <= (_FEW_ALONE if read.shape in ((), (1,)) else _FEW)
    points = range(size) if few else (0, size - 1)
    site.findings.bounds(read.traces, site.node, Demand(text, 0, size - 1, "index", points=points))
    curves = [curve for curve in read.curves if not curve.level]
    if curves and size <= _FEW_ALONE:  # rows that a number is rounded or divided to
        found = dict.fromkeys(number for row in range(size) for curve in curves for number in curve.back(row))
        site.findings.add(Finding(curves[0].trace.input, f"{text} in {named(site.node)}", points=tuple(found)))
    _fields(site, read.traces, size, text)
    _digits(site, read.terms, size, text)
    _between(site, read, size, text)


def _between(site: Site, read: Value, size: int, text: str) -> None:
    """Rows that are numbered by how far two columns lie apart, as the width of a box is: the second is not below."""
    if read.gap is None:
        return
    greater, lesser = (trace.column for trace in read.gap)
    if greater is None or lesser is None:
        return
    said = f"{text} by column {greater} less column {lesser} in {named(site.node)}"
    ranges = tuple((column, 0, size - 1) for column in (lesser, greater))
    site.findings.add(Finding(read.gap[0].input, said, "index", ranges=ranges, ordered=((lesser, greater),)))


def _fields(site: Site, traces: Sequence[Trace], size: int, text: str) -> None:
    """One table for several columns, each of which begins where the one before it ends: an offset for each."""
    for trace in traces:
        columns = [c for c in trace.columns or () if c.scale == 1 and 0 <= c.offset < size]
        if trace.scale or not columns:
            continue
        starts = sorted({column.offset for column in columns})
        ends = {c.source: next((start for start in starts if start > c.offset), size) - c.offset for c in columns}
        ranges = tuple((source, 0, int(end) - 1) for source, end in ends.items())
        site.findings.add(Finding(trace.input, f"{text} in {named(site.node)}", "index", 0, size - 1, ranges=ranges))


def _digits(site: Site, terms: Sequence[Trace], size: int, text: str) -> None:
    """Rows that several inputs number together, as digits do: ``10 * a + b``; where they weigh alike, in parts."""
    if any(trace.offset or trace.scale < 1 or trace.scale % 1 for trace in terms):
        return
    left = size
    for scale, alike in groupby(sorted(terms, key=lambda trace: -trace.scale), key=lambda trace: int(trace.scale)):
        same = list(alike)
        high = max(left // scale - 1, 0) // len(same)
        for trace in same:
            demand = Demand(f"{text}, with others,", 0, scale * high, "index", points=(0, scale * high))
            site.findings.bounds([trace], site.node, demand)
        left = scale


def gather(site: Site) -> None:
    """Gather and GatherElements: along one axis of the data."""
    data, axis = site.operand(0), int(site.attribute("axis", 0))
    if site.operand(1).traces and data.size(axis) is None:
        _named_rows(site, 1, axis)
    _rows(site, 1, data.size(axis), "rows")
    if not data.fed:
        site.findings.limits(site.operand(1))
    by_position(site, site.operand(1), data.size(axis))


def by_position(site: Site, counted: Value, rows: int | None) -> None:
    """Note how many *rows* a constant table has of which *counted*, a length of an input, reads the first ones."""
    if rows is not None and rows > 1 and counted.shape_of and not site.operand(0).fed:
        found = site.findings.longest
        found[counted.shape_of] = max(found.get(counted.shape_of, 0), rows)


def sliced(site: Site) -> None:
    """Slice of a constant table up to a length of an input."""
    axes = site.operand(3).constant
    data = site.operand(0)
    if data.shape is None or data.fed or int(np.prod([d for d in data.shape if isinstance(d, int)])) <= len(data.shape):
        return
    axis = 0 if len(data.shape) == 1 else None
    if axes is not None and axes.size == 1:
        axis = int(axes.reshape(-1)[0])
    elif len(site.operands) < 4 or site.operands[3] is None:  # the first axes, as many as there are starts
        axis = 0 if site.operand(1).rows == 1 else axis
    if axis is not None:
        by_position(site, site.operand(2), data.size(axis))
        _beginning(site, data.size(axis))


def _beginning(site: Site, rows: int | None) -> None:
    """Slice of a constant table from an offset on, as many rows as an input is long: not past its end."""
    counted = site.operand(2).shape_of
    lengths = [dim for dim in site.declared.get(counted, ()) or () if isinstance(dim, str)]
    for trace in site.operand(1).traces if rows is not None and lengths else ():
        if trace.plain:
            text = f"is where {named(site.node)} begins in {rows} rows"
            site.findings.add(Finding(trace.input, text, "size", 0, f"{rows} - ({lengths[-1]})"))


def _named_rows(site: Site, place: int, axis: int) -> None:
    """Keep an index below the size of an axis that is free, but has a name."""
    shape = site.operand(0).shape
    if shape is None or not -len(shape) <= axis < len(shape) or not isinstance(shape[axis], str):
        return
    name = shape[axis]
    for trace in site.operand(place).traces:
        if trace.plain:
            text = f"indexes the axis {name!r} in {named(site.node)}"
            site.findings.add(Finding(trace.input, text, "index", 0, f"({name}) - 1", guarded=trace.guarded))


def gather_nd(site: Site) -> None:
    """GatherND: each column of the indices numbers an axis of its own; the narrowest one is taken for all."""
    data, batch = site.operand(0), int(site.attribute("batch_dims", 0))
    width = site.operand(1).size(-1)
    if data.shape is None:
        return
    axes = data.shape[batch : None if width is None else batch + width]
    sizes = [d for d in axes if isinstance(d, int)]
    if sizes and len(sizes) == len(axes):
        _rows(site, 1, min(sizes), "rows")
        for trace in site.operand(1).traces:
            if trace.ordered and trace.plain and len(sizes) == width:  # each column with an axis of its own
                text = f"numbers {'x'.join(map(str, sizes))} places in {named(site.node)}"
                places = tuple(tuple(dict.fromkeys((*range(min(size, _MOST) - 1), size - 1))) for size in sizes)
                site.findings.add(Finding(trace.input, text, "index", columns=places))


def scatter(site: Site) -> None:
    """ScatterElements and ScatterND: the indices number the data that is written to."""
    if site.operator.name == "ScatterND":
        gather_nd(site)
    else:
        gather(site)


def one_hot(site: Site) -> None:
    """OneHot: ids below the depth."""
    depth = site.operand(1).scalar
    _rows(site, 0, None if depth is None else int(depth), "classes")


def classes(site: Site) -> None:
    """Losses: labels below the number of classes."""
    count = site.operand(0).size(1) or site.operand(2).rows
    _rows(site, 1, count, "classes")
    ignored = site.attribute("ignore_index")
    for trace in site.operand(1).traces if ignored is not None and count else ():
        if trace.plain:
            text = f"is not counted where it is {ignored} in {named(site.node)}"
            number = (int(ignored),)
            none_left = number if site.attribute("reduction", b"mean") != b"none" else ()
            site.findings.add(Finding(trace.input, text, "index", apart=number, never_all=none_left))
    if site.operator.name == "NegativeLogLikelihoodLoss":
        site.findings.bounds(site.operand(0).traces, site.node, Demand("is a logarithm of a probability", -5, 0))
    # A mean by weights of both signs may divide by next to nothing
    site.findings.bounds(site.operand(2).traces, site.node, Demand("weighs classes", 0.1, 1))


def array_feature(site: Site) -> None:
    """ArrayFeatureExtractor: the last axis of the data."""
    _rows(site, 1, site.operand(0).size(-1), "columns")


def embed_layer_norm(site: Site) -> None:
    """EmbedLayerNormalization: words, segments and positions have a table each."""
    for place, table, what in ((0, 2, "words"), (1, 4, "segments"), (8, 3, "positions")):
        _rows(site, place, site.operand(table).rows, what)
    for trace in site.operand(0).traces if not site.operand(8).fed else ():
        rows = site.operand(3).rows or 0  # positions are counted
        site.findings.longest[trace.input] = max(site.findings.longest.get(trace.input, 0), rows)
    for trace in site.operand(7).traces:
        site.findings.add(Finding(trace.input, f"masks tokens in {named(site.node)}", "mask"))


def roi(site: Site) -> None:
    """RoiAlign: each box names an image of the batch."""
    count = site.operand(0).size(0) or 1
    for trace in site.operand(2).traces:
        site.findings.add(Finding(trace.input, f"numbers images in {named(site.node)}", "index", 0, count - 1))


def segments(site: Site) -> None:
    """BitShift: by less than the width of the type."""
    site.findings.bounds(site.operand(1).traces, site.node, Demand("shifts by", 0, 7))


RULES: Mapping[str, Sequence[Rule]] = {
    ":Gather": (gather,),
    ":Slice": (sliced,),
    ":GatherElements": (gather,),
    ":GatherND": (gather_nd,),
    ":ScatterElements": (scatter,),
    ":Scatter": (scatter,),
    ":ScatterND": (scatter,),
    ":OneHot": (one_hot,),
    ":NegativeLogLikelihoodLoss": (classes,),
    ":SoftmaxCrossEntropyLoss": (classes,),
    ":RoiAlign": (roi,),
    ":BitShift": (segments,),
    "ai.onnx.ml:ArrayFeatureExtractor": (array_feature,),
    "com.microsoft:EmbedLayerNormalization": (embed_layer_norm,),
    "com.microsoft:Gather": (gather,),
}
