"""A mark's arguments to a typed request, checked at collection."""

from __future__ import annotations

import unittest
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

import pytest

from pytest_onnxaccel.config.budget_syntax import FIELDS
from pytest_onnxaccel.config.pair_values import split
from pytest_onnxaccel.core.comparisons import Comparison
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.lookup.registry import nearest
from pytest_onnxaccel.core.pair_specs import FoldSpec, PreprocessingSpec
from pytest_onnxaccel.core.specs import BatchPlan, Decision, LatencyBudget, Tolerance
from pytest_onnxaccel.plugin.markers import arguments
from pytest_onnxaccel.plugin.markers.table import BY_NAME as BY_NAME
from pytest_onnxaccel.plugin.markers.table import MARKERS as MARKERS
from pytest_onnxaccel.plugin.markers.table import WITHOUT_MODEL
from pytest_onnxaccel.plugin.markers.table import register as register
from pytest_onnxaccel.plugin.options import names as known


@record(frozen=True)
class ParityRequest:
    """``conversion_parity``: the candidate must agree with *source* or *reference*, one at most.

    Attributes:
        source: path of an ``.onnx`` file or of a source as written, relative to pytest's rootdir.
        loader: builds what *source* holds only the weights of.
        reference: a backend's name, a function, or a path as for *source*.
        seeds: seeds of the inputs to try; empty for the default.
        decision: what both sides must decide alike; None for what the manifest asks of the model.
        compare: by output, how it is compared, before what the manifest says; ``*`` for every other one.
    """

    source: str | None = None
    reference: str | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)
    seeds: tuple[int, ...] = ()
    decision: Decision | None = None
    loader: str | None = None
    compare: Mapping[str, Comparison] = field(default_factory=dict)


@record(frozen=True)
class BatchRequest:
    """``batch_size``: the sizes that the model must hold at."""

    plan: BatchPlan


@record(frozen=True)
class LatencyRequest:
    """``latency_budget``: the limits."""

    budget: LatencyBudget


#: Fixtures that tell a marked test's check what to run.
NEEDED = ("onnx_model", "backend")
NEEDS = "ask for the fixtures onnx_model and backend in the test's arguments"
NEEDS_BY_MARK = 'add @pytest.mark.usefixtures("onnx_model", "backend")'

Request = ParityRequest | BatchRequest | LatencyRequest | PreprocessingSpec | FoldSpec


def parse(mark: pytest.Mark) -> Request:
    """Return the request that one of our marks makes.

    Raises:
        ConfigError: an argument is unknown or cannot be used; the valid ones are named.
    """
    if mark.name == "batch_size":
        return _batch(mark)
    if mark.name == "preprocessing_parity":
        return _preprocessing(mark)
    if mark.name == "fold_in":
        return _fold(mark)
    return _latency(mark) if mark.name == "latency_budget" else _parity(mark)


def validate(items: Iterable[pytest.Item]) -> None:
    """Parse every mark of ours on *items*; called when all are collected.

    A worker of pytest-xdist cannot end the run with a usage error: there :func:`validate_function` spoke.

    Raises:
        pytest.UsageError: one line for each mark that cannot be used, with its test.
    """
    wrong: dict[str, None] = {}
    for item in items:
        if not hasattr(item.config, "workerinput"):
            wrong |= dict.fromkeys(_refused(item, item.nodeid.partition("[")[0]))
    if wrong:
        raise pytest.UsageError(*wrong)


def validate_function(metafunc: pytest.Metafunc) -> None:
    """Refuse a test function whose marks cannot be used, in a worker of pytest-xdist.

    Raises:
        pytest.Collector.CollectError: one line for each; pytest reports it as an error of the test's module.
    """
    if hasattr(metafunc.config, "workerinput"):
        wrong = _refused(metafunc.definition, metafunc.definition.nodeid)
        if wrong:
            raise pytest.Collector.CollectError("\n".join(wrong))


def needs(node: pytest.Item) -> str:
    """Return how the test *node* asks for the fixtures: methods of ``unittest.TestCase`` have no arguments."""
    return NEEDS_BY_MARK if issubclass(getattr(node, "cls", None) or object, unittest.TestCase) else NEEDS


def _refused(node: pytest.Item, nodeid: str) -> list[str]:
    """Return one line for each mark of *node* that cannot be used."""
    wrong = []
    missing = [name for name in NEEDED if name not in getattr(node, "fixturenames", NEEDED)]
    for name in BY_NAME:
        if missing and name not in WITHOUT_MODEL and node.get_closest_marker(name) is not None:
            wrong.append(f"{nodeid}: {_wrong(name, 'needs ' + ' and '.join(missing), needs(node))}")
        for mark in node.iter_markers(name):
            try:
                parse(mark)
            except ConfigError as error:
                wrong.append(f"{nodeid}: {error}")
    return wrong


def closest(item: pytest.Item, name: str) -> Request | None:
    """Return the request of the marker *name* nearest to the test: function, class, module."""
    mark = item.get_closest_marker(name)
    return None if mark is None else parse(mark)


def _keywords(mark: pytest.Mark) -> Mapping[str, Any]:
    """Return the parsed arguments of a mark that takes keywords only; None counts as not given."""
    marker = BY_NAME[mark.name]
    names = tuple(argument.name for argument in marker.arguments)
    valid = f"valid: {', '.join(names)}"
    if mark.args:
        raise _wrong(mark.name, f"takes keywords only, {mark.args[0]!r} has none", valid)
    parsed: dict[str, Any] = {}
    for name, value in mark.kwargs.items():
        if name not in names:
            raise _wrong(mark.name, f"has no argument {name!r}", nearest(name, names), valid)
        if value is not None:
            argument = marker.arguments[names.index(name)]
            try:
                parsed[name] = arguments.PARSERS[argument.parser](value)
            except ConfigError as error:
                raise _wrong(f"{mark.name}({name}=)", error.cause, error.remedy) from None
    return parsed


def _wrong(subject: str, cause: str, *remedies: str) -> ConfigError:
    return ConfigError(cause, subject=f"@pytest.mark.{subject}", remedy="; ".join(dict.fromkeys(remedies)))


def _parity(mark: pytest.Mark) -> ParityRequest:
    given = _keywords(mark)
    if "source" in given and "reference" in given:
        raise _wrong(mark.name, "names both a source and a reference", "keep one of source=, reference=")
    named = given.get("source") or given.get("reference")
    if "loader" in given and named is not None and known.names_function(named):
        cause = f"{given['loader']!r} is given, but a loader does not apply to a function"
        raise _wrong(f"{mark.name}(loader=)", cause, "leave the loader out")
    if "loader" in given and (named is None or not known.is_path(named)):
        raise _wrong(mark.name, "names a loader and no source", "name the file that it builds the module of: source=")
    if "loader" in given and named is not None and named.lower().endswith(".onnx"):
        cause = f"{given['loader']!r} is given, but a loader does not apply to .onnx"
        raise _wrong(f"{mark.name}(loader=)", cause, "leave the loader out")
    tolerance = Tolerance(given.get("rtol"), given.get("atol"), "@pytest.mark.conversion_parity")
    if tolerance.rtol is None and tolerance.atol is None:
        tolerance = Tolerance()
    return ParityRequest(
        given.get("source"),
        given.get("reference"),
        tolerance,
        given.get("seeds", ()),
        given.get("decision"),
        given.get("loader"),
        given.get("compare", {}),
    )


def _batch(mark: pytest.Mark) -> BatchRequest:
    if mark.kwargs:
        name = next(iter(mark.kwargs))
        raise _wrong(mark.name, f"has no argument {name!r}", "write the sizes alone, such as batch_size(1, 3, 10)")
    if not mark.args:
        raise _wrong(mark.name, "names no size", "write the sizes, such as batch_size(1, 3, 10)")
    try:
        sizes = tuple(dict.fromkeys(arguments.size(value) for value in mark.args))
    except ConfigError as error:
        raise _wrong(mark.name, error.cause, error.remedy) from None
    return BatchRequest(BatchPlan(sizes, "@pytest.mark.batch_size"))


def _latency(mark: pytest.Mark) -> LatencyRequest:
    given = _keywords(mark)
    budget = LatencyBudget(
        **{FIELDS[key]: value for key, value in given.items()},
        origin="@pytest.mark.latency_budget",
    )
    if not budget and budget.scenario is None and not budget.advise:
        limits = "p50=, p95=, p99=, speedup_over=, regression="
        raise _wrong(mark.name, "sets no limit", f'give one of {limits}, such as p95="12ms"')
    return LatencyRequest(budget)


def _preprocessing(mark: pytest.Mark) -> PreprocessingSpec:
    given = _keywords(mark)
    for name in ("reference", "candidate"):
        if name not in given:
            raise _wrong(mark.name, f"names no {name}", f'give {name}="package.module:function"')
    return PreprocessingSpec(name="", origin="@pytest.mark.preprocessing_parity", **split(given))


def _fold(mark: pytest.Mark) -> FoldSpec:
    given = dict(_keywords(mark))
    for name in ("model", "preprocess", "mean", "scale"):
        if name not in given:
            raise _wrong(mark.name, f"names no {name}", "give model=, preprocess=, mean= and scale=")
    made = given["preprocess"]
    if callable(made):
        given["function"] = made
        given["preprocess"] = f"{getattr(made, '__module__', '')}:{getattr(made, '__qualname__', type(made).__name__)}"
    return FoldSpec(name="", origin="@pytest.mark.fold_in", **given)
