"""The table of markers, and a mark's arguments to a typed request, checked at collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from pytest_onnxaccel import scalars
from pytest_onnxaccel.errors import ConfigError
from pytest_onnxaccel.plugin import arguments
from pytest_onnxaccel.plugin.arguments import Argument
from pytest_onnxaccel.registry import nearest
from pytest_onnxaccel.spec import BatchPlan, LatencyBudget, Tolerance


@dataclass(frozen=True)
class ParityRequest:
    """``conversion_parity``: the candidate must agree with *source* or *reference*, one at most.

    Attributes:
        source: path of an ``.onnx`` file as written, relative to pytest's rootdir.
        reference: a backend's name, or the path of an ``.onnx`` file, relative to pytest's rootdir.
        seeds: seeds of the inputs to try; empty for the default.
    """

    source: str | None = None
    reference: str | None = None
    tolerance: Tolerance = Tolerance()
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class BatchRequest:
    """``batch_size``: the sizes that the model must hold at."""

    plan: BatchPlan


@dataclass(frozen=True)
class LatencyRequest:
    """``latency_budget``: the limits, and what an undecided measurement does (None: the option's choice)."""

    budget: LatencyBudget
    inconclusive: str | None = None


Request = ParityRequest | BatchRequest | LatencyRequest


class Marker(NamedTuple):
    """One row of the table.

    Attributes:
        signature: the arguments as pytest shows them in ``--markers``.
        help: one sentence.
        example: a use, as written above a test.
        fixtures: what the test of the example asks for.
        arguments: by keyword; empty for a marker that takes positional sizes.
    """

    name: str
    signature: str
    help: str
    example: str
    fixtures: str
    arguments: tuple[Argument, ...] = ()

    @property
    def line(self) -> str:
        return f"{self.name}({self.signature}): {self.help}"


MARKERS: tuple[Marker, ...] = (
    Marker(
        "conversion_parity",
        "*, source=None, loader=None, reference=None, rtol=None, atol=None, seeds=None",
        "after the test's body, the model's outputs must agree with the source, the reference, or the "
        "default reference.",
        '@pytest.mark.conversion_parity(reference="onnx-tf", rtol=1e-3)',
        "onnx_model, backend",
        (
            Argument("source", "path", arguments.source, ".onnx file that the model was made from."),
            Argument(
                "loader", "text", arguments.loader, "How to load a source; not applicable to .onnx sources."
            ),
            Argument(
                "reference",
                "backend or path",
                arguments.reference,
                "Backend or other .onnx file to agree with.",
            ),
            Argument("rtol", "number", scalars.tolerance, "Relative tolerance."),
            Argument("atol", "number", scalars.tolerance, "Absolute tolerance."),
            Argument(
                "seeds", "whole numbers", arguments.seeds, "Seeds of the inputs to try, such as range(3)."
            ),
        ),
    ),
    Marker(
        "batch_size",
        "*sizes",
        "run the test at these batch sizes; after its body, a batch must give what its samples give alone.",
        "@pytest.mark.batch_size(1, 3, 10)",
        "onnx_model, backend, frozen_batch",
    ),
    Marker(
        "latency_budget",
        "*, p50=None, p95=None, p99=None, speedup_over=None, threads=None, inconclusive=None",
        "after the test's body, one run of the model must stay within the budget.",
        '@pytest.mark.latency_budget(p95="12ms", speedup_over="onnx-tf:3")',
        "onnx_model, backend, frozen_batch",
        (
            Argument("p50", "duration", scalars.duration, 'Most that the median may take, such as "8ms".'),
            Argument("p95", "duration", scalars.duration, "Most that the 95th percentile may take."),
            Argument("p99", "duration", scalars.duration, "Most that the 99th percentile may take."),
            Argument(
                "speedup_over", "BACKEND:FACTOR", arguments.speedup, "Least speed-up over another backend."
            ),
            Argument(
                "threads",
                "whole number",
                scalars.threads,
                "Intra-op threads; the runtime's own by default.",
            ),
            Argument(
                "inconclusive",
                "warn, fail or skip",
                arguments.inconclusive,
                "What a measurement that cannot decide does to the test; --onnx-inconclusive by default.",
            ),
        ),
    ),
)

BY_NAME = {marker.name: marker for marker in MARKERS}


def register(config: pytest.Config) -> None:
    """Declare the markers of the table; part of ``pytest_configure``."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker.line)


def parse(mark: pytest.Mark) -> Request:
    """The request that one of our marks makes.

    Raises:
        ConfigError: an argument is unknown or cannot be used; the valid ones are named.
    """
    if mark.name == "batch_size":
        return _batch(mark)
    return _latency(mark) if mark.name == "latency_budget" else _parity(mark)


def validate(items: Iterable[pytest.Item]) -> None:
    """Parse every mark of ours on *items*.

    Raises:
        pytest.UsageError: one line for each mark that cannot be used, with its test.
    """
    wrong: dict[str, None] = {}
    for item in items:
        for name in BY_NAME:
            for mark in item.iter_markers(name):
                try:
                    parse(mark)
                except ConfigError as error:
                    wrong[f"{item.nodeid.partition('[')[0]}: {error}"] = None
    if wrong:
        raise pytest.UsageError(*wrong)


def closest(item: pytest.Item, name: str) -> Request | None:
    """The request of the marker *name* nearest to the test: function, class, module."""
    mark = item.get_closest_marker(name)
    return None if mark is None else parse(mark)


def _keywords(mark: pytest.Mark) -> Mapping[str, Any]:
    """The parsed arguments of a mark that takes keywords only; None counts as not given."""
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
                parsed[name] = argument.parse(value)
            except ConfigError as error:
                raise _wrong(f"{mark.name}({name}=)", error.cause, error.remedy) from None
    return parsed


def _wrong(subject: str, cause: str, *remedies: str) -> ConfigError:
    return ConfigError(cause, subject=f"@pytest.mark.{subject}", remedy="; ".join(dict.fromkeys(remedies)))


def _parity(mark: pytest.Mark) -> ParityRequest:
    given = _keywords(mark)
    if "source" in given and "reference" in given:
        raise _wrong(mark.name, "names both a source and a reference", "keep one of source=, reference=")
    tolerance = Tolerance(given.get("rtol"), given.get("atol"), "@pytest.mark.conversion_parity")
    if tolerance.rtol is None and tolerance.atol is None:
        tolerance = Tolerance()
    return ParityRequest(given.get("source"), given.get("reference"), tolerance, given.get("seeds", ()))


def _batch(mark: pytest.Mark) -> BatchRequest:
    if mark.kwargs:
        name = next(iter(mark.kwargs))
        raise _wrong(
            mark.name, f"has no argument {name!r}", "write the sizes alone, such as batch_size(1, 3, 10)"
        )
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
        p50_ns=given.get("p50"),
        p95_ns=given.get("p95"),
        p99_ns=given.get("p99"),
        speedup_over=given.get("speedup_over"),
        threads=given.get("threads"),
        origin="@pytest.mark.latency_budget",
    )
    if not budget:
        raise _wrong(
            mark.name, "sets no limit", 'give one of p50=, p95=, p99=, speedup_over=, such as p95="12ms"'
        )
    return LatencyRequest(budget, given.get("inconclusive"))
