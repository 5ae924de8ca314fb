"""Comparers of one parity check, with what they look up inside both graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.parity.check import sample
from pytest_onnxaccel.checks.parity.outputs.comparer import Comparer
from pytest_onnxaccel.core.comparisons import OutputFacts
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.check_run import CheckRun
from pytest_onnxaccel.runner.outputs.comparers import Wanted, comparers
from pytest_onnxaccel.runner.request import Request
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide
from pytest_onnxaccel.runner.sessions.inner_values import InnerValues
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.reference_side import ReferenceSide

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


class ComparedOutputs:
    """Comparers by output; what they open is closed at the end of a ``with`` block."""

    def __init__(self, found: Mapping[str, Comparer], inner: InnerValues | None = None) -> None:
        self.comparers = found
        self._inner = inner

    def __enter__(self) -> ComparedOutputs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._inner is not None:
            self._inner.close()


def chosen(context: CheckRun, against: ReferenceSide, inputs: Inputs) -> ComparedOutputs:
    """Return the comparers of the parity check *context*, on *inputs*.

    Raises:
        OnnxAccelError: a function of the user's cannot be called, or an output that is named is not there.
    """
    request, model = context.request, context.model_session
    graph = against.side(inputs) if request.source is None else None
    facts = context.other.output_facts if context.other is not None else model.output_facts
    ours = ComparisonSide(request.backend, model, request.backend, context.file)

    def feeds(number: int) -> Mapping[str, Array]:
        return sample(inputs, request.seeds, request.batch, number)

    return made(model, request, facts, (ours, graph), feeds, context.options.import_paths)


def made(
    model: ModelSession,
    request: Request,
    facts: OutputFacts,
    sides: tuple[ComparisonSide, ComparisonSide | None],
    feeds: Callable[[int], Mapping[str, Array]],
    import_paths: tuple[str, ...],
) -> ComparedOutputs:
    """Return the comparers of *model*'s outputs.

    Args:
        model: whose outputs are compared.
        request: the check, with the comparisons of its marker.
        facts: what the reference's graph says, or the model's own.
        sides: the candidate, and the reference where it is a graph.
        feeds: of a sample, by its number.
        import_paths: folders that functions are also looked for in.

    Raises:
        OnnxAccelError: as :func:`chosen`.
    """
    wanted = Wanted(model.info, {**model.spec.comparisons, **request.compare}, facts, model.may("allow_random"))
    inner = InnerValues(sides, wanted.inner(model.output_facts), feeds)

    def opened(name: str) -> Callable[..., tuple[bool, str]]:
        from pytest_onnxaccel.backends.function.backend import FunctionBackend
        from pytest_onnxaccel.runner.sessions.comparison_function import comparison_function

        return comparison_function(name, model.engine(FunctionBackend.name), import_paths)

    found = comparers(wanted, inner, opened)
    return ComparedOutputs(found, inner)


def without_graphs(model: ModelSession) -> Mapping[str, Comparer]:
    """Return comparers of *model* with itself at another batch: by outputs alone, as its graph and the user say.

    What the user gives a limit for is a matter of two models, and the same model must do better.
    """
    said = {name: one for name, one in model.spec.comparisons.items() if one.kind in ("elementwise", "ranked", "rows")}
    wanted = Wanted(model.info, said, model.output_facts, model.may("allow_random"))
    return comparers(wanted, lambda name, number: (None, None), _never)


def _never(name: str) -> Callable[..., tuple[bool, str]]:
    raise AssertionError(name)
