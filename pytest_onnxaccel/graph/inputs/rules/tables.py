"""Operators of tables: what each column's numbers are, and on which side of which threshold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from onnx import numpy_helper

from pytest_onnxaccel.graph.inputs.columns import Column, columns_of
from pytest_onnxaccel.graph.inputs.findings import Demand, Finding, named
from pytest_onnxaccel.graph.inputs.walk import Rule, Site

#: At most so many telling numbers are kept of one column.
_MOST = 256
#: And so many rows that an input is drawn next to.
_MOST_NEAR = 64
#: Where a scaled column is drawn, in units of its scale.
_AROUND = (-2.0, -1.3, -0.8, -0.35, -0.1, 0.15, 0.4, 0.9, 1.4, 2.1)
#: Modes of a tree's nodes that ask for equality.
_EQUALITY = (b"BRANCH_EQ", b"BRANCH_NEQ", 4, 5)
_LEAF = b"LEAF"
#: And that which asks whether a number is in a set.
_MEMBER = 6


def scaler(site: Site) -> None:
    """Scaler: around each column's offset, within a few of its scales."""
    offsets, scales = _floats(site, "offset"), _floats(site, "scale")
    count = max(len(offsets), len(scales))
    points = {}
    for feature in range(count):
        offset = offsets[feature if len(offsets) > 1 else 0] if offsets else 0.0
        scale = scales[feature if len(scales) > 1 else 0] if scales else 1.0
        if scale and math.isfinite(scale) and math.isfinite(offset):
            points[feature] = [offset + step / scale for step in _AROUND]
    if count == 1:  # one pair for all columns
        points = dict.fromkeys(range(site.operand(0).size(-1) or 1), points.get(0, []))
    _tell(site, points, "scales")


def binarizer(site: Site) -> None:
    """Binarizer: both sides of the threshold."""
    threshold = float(site.attribute("threshold", 0.0))
    step = max(abs(threshold) * 0.05, 0.05)
    points = [threshold + far * step for far in (-1, 1, -10, 10)]
    site.findings.bounds(site.operand(0).traces, site.node, Demand("is compared", points=points))


def normalizer(site: Site) -> None:
    """Exclude rows of zeros, which have no length, from a Normalizer."""
    site.findings.bounds(site.operand(0).traces, site.node, Demand("is normalised", exclude=(0,)))


def imputer(site: Site) -> None:
    """Imputer: what stands for a missing number."""
    number = site.attribute("replaced_value_float")
    number = site.attribute("replaced_value_int64", math.nan) if number is None else number
    site.findings.bounds(site.operand(0).traces, site.node, Demand("is replaced where missing", points=(number,)))


def ensemble(site: Site) -> None:
    """Trees of all ages: for each column, numbers between its thresholds, and past the first and the last."""
    features = list(site.attribute("nodes_featureids") or ())
    modes = site.attribute("nodes_modes")
    modes = _numbers(modes) if hasattr(modes, "dims") else list(modes or ())
    values = site.attribute("nodes_splits") or site.attribute("nodes_values_as_tensor")
    values = _numbers(values) if values is not None else _floats(site, "nodes_values")
    thresholds: dict[int, set[float]] = {}
    equal: dict[int, set[float]] = {}
    for feature, mode, value in zip(features, modes, values, strict=False):
        if mode not in (_LEAF, _MEMBER) and math.isfinite(value):
            (equal if mode in _EQUALITY else thresholds).setdefault(int(feature), set()).add(float(value))
    points = {feature: between(found) for feature, found in thresholds.items()}
    tracked = site.attribute("nodes_missing_value_tracks_true") or ()
    for feature in {int(f) for f, mode, yes in zip(features, modes, tracked, strict=False) if yes and mode != _LEAF}:
        points[feature] = [*points.get(feature, ()), math.nan]  # where a missing number goes is a matter of the tree
    for feature, found in equal.items():
        points[feature] = [*points.get(feature, ()), *sorted(found), max(found) + 1]
    for feature, members in zip(_members(features, modes), _sets(site), strict=False):
        points[feature] = [*points.get(feature, ()), *members, max(members) + 1]
    _tell(site, points, f"has {sum(map(len, thresholds.values()))} thresholds")


def _members(features: Sequence[Any], modes: Sequence[Any]) -> list[int]:
    """Return the columns that nodes look up in a set, in the order of the nodes."""
    return [int(feature) for feature, mode in zip(features, modes, strict=False) if mode == _MEMBER]


def _sets(site: Site) -> list[list[float]]:
    """Return the sets of numbers that nodes look up; NaN ends each."""
    values = site.attribute("membership_values")
    found: list[list[float]] = [[]]
    for number in _numbers(values) if values is not None else ():
        if math.isnan(number):
            found.append([])
        else:
            found[-1].append(float(number))
    return [one for one in found if one]


def between(thresholds: Iterable[float]) -> list[float]:
    """Numbers on both sides of each threshold and on none of them."""
    found = sorted(set(thresholds))
    gaps = [b - a for a, b in pairwise(found)]
    step = max(float(np.median(gaps)) if gaps else 0.0, abs(found[0]) * 0.05, abs(found[-1]) * 0.05, 0.05)
    middles = [a + (b - a) / 2 for a, b in pairwise(found)]
    narrow = {np.float32(value) for value in found}
    # Between neighbours of float32 there is nothing
    return [value for value in (found[0] - step, *middles, found[-1] + step) if np.float32(value) not in narrow]


def vectors(site: Site) -> None:
    """Support vectors: rows next to each of them, where its weight shows."""
    numbers, count = _floats(site, "support_vectors"), int(site.attribute("n_supports", 0))
    counts = list(site.attribute("vectors_per_class") or ())
    count = count or sum(int(one) for one in counts)
    if count and len(numbers) % count == 0:
        _near(site, np.reshape(numbers, (count, -1)), "vectors")


def neighbours(site: Site) -> None:
    """CDist: rows next to those that distances are taken to, as of the nearest neighbours."""
    array = site.operand(1).constant
    if array is not None and array.ndim == 2:
        _near(site, array.astype(np.float64), "rows")


def _near(site: Site, rows: Any, what: str) -> None:
    """Record rows of numbers next to which an input tells."""
    chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), _MOST_NEAR)).astype(int)]
    for trace in site.operand(0).traces:
        columns = {column.source: column for column in columns_of(trace, rows.shape[1])}
        if len(columns) != rows.shape[1] or not np.isfinite(rows).all():
            continue
        told = tuple(
            tuple(_back(columns[source], [float(row[columns[source].place])])[0] for source in sorted(columns))
            for row in chosen
        )
        text = f"is compared with {len(rows)} {what} in {named(site.node)}"
        site.findings.add(Finding(trace.input, text, near=told))


def _tell(site: Site, points: Mapping[int, Sequence[float]], what: str) -> None:
    """Record what the node's columns should be for the inputs that they come from."""
    if not points:
        return
    for trace in site.operand(0).traces:
        by_column: dict[int, list[float]] = {}
        for column in columns_of(trace, max(points) + 1):
            if column.place in points:
                by_column.setdefault(column.source, []).extend(_back(column, points[column.place]))
        if by_column:
            width = max(by_column) + 1
            columns = tuple(tuple(_thinned(by_column.get(source, []))) for source in range(width))
            site.findings.add(Finding(trace.input, f"{what} in {named(site.node)}", columns=columns))
    for curve in site.operand(0).curves:
        if curve.trace.ordered and curve.trace.columns is None and not curve.level:
            rows = (
                [n for point in points.get(place, ()) for n in curve.back(point)] for place in range(max(points) + 1)
            )
            told = tuple(tuple(_thinned(row)) for row in rows)
            site.findings.add(Finding(curve.trace.input, f"{what} in {named(site.node)}", columns=told))


def _back(column: Column, numbers: Sequence[float]) -> list[float]:
    return [(number - column.offset) / column.scale for number in numbers]


def _thinned(numbers: Sequence[float]) -> list[float]:
    found = sorted({number for number in numbers if not math.isnan(number)})
    missing = [math.nan] if len(found) < len(numbers) and any(map(math.isnan, numbers)) else []
    if len(found) <= _MOST:
        return [*found, *missing]
    return [*(found[int(place)] for place in np.linspace(0, len(found) - 1, _MOST)), *missing]


def _floats(site: Site, name: str) -> list[float]:
    return [float(value) for value in site.attribute(name) or ()]


def _numbers(tensor: Any) -> list[Any]:
    found: list[Any] = numpy_helper.to_array(tensor).reshape(-1).tolist()
    return found


RULES: Mapping[str, Sequence[Rule]] = {
    "ai.onnx.ml:Scaler": (scaler,),
    "ai.onnx.ml:Binarizer": (binarizer,),
    "ai.onnx.ml:Normalizer": (normalizer,),
    "ai.onnx.ml:Imputer": (imputer,),
    "ai.onnx.ml:TreeEnsembleClassifier": (ensemble,),
    "ai.onnx.ml:TreeEnsembleRegressor": (ensemble,),
    "ai.onnx.ml:TreeEnsemble": (ensemble,),
    "ai.onnx.ml:SVMClassifier": (vectors,),
    "ai.onnx.ml:SVMRegressor": (vectors,),
    "com.microsoft:CDist": (neighbours,),
}
