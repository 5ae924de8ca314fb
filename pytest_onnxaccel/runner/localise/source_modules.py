"""Localisation against a source framework: from the results of its modules to the first one that the export lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.localise.graph_view import GraphView
from pytest_onnxaccel.checks.localise.source_modules import first_module
from pytest_onnxaccel.numerics.compare.digest import Digest
from pytest_onnxaccel.runner.localise.describe import Finding
from pytest_onnxaccel.runner.localise.nodes.exposed_model import ExposedModel
from pytest_onnxaccel.runner.localise.nodes.intermediates import CAP, chunks
from pytest_onnxaccel.runner.localise.nodes.node_words import named
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


def localise_source(
    side: ComparisonSide,
    recorded: Mapping[str, Array | Sequence[Array]] | Iterable[tuple[str, Array]],
    feeds: Mapping[str, Array],
    cap: int = CAP,
) -> Finding:
    """Name the first module of the source whose result the export does not give.

    Args:
        side: the export in a backend.
        recorded: the result of each module on *feeds*, in the order in which forward hooks are called (children before
            their parents): module path as in ``named_modules()`` to array, to several arrays for a module that ran
            several times, or pairs in that order.
        feeds: what both were fed.
        cap: bytes of intermediates that are held at a time.

    Raises:
        OnnxAccelError: the export cannot be run.
    """
    shapes = {name: list(array.shape) for name, array in feeds.items()}
    graph_view = GraphView.from_json(side.model_session.graph("anatomy", path=side.file, shapes=shapes))
    exposed, largest, count = ExposedModel(side, graph_view), 0, 0
    values: dict[str, Digest] = {}
    for mine, _ in chunks(graph_view, graph_view, {name: name for name in graph_view.exposable}, cap):
        (arrays,) = exposed.run(mine, feeds)
        values.update((name, Digest.of(array)) for name, array in arrays.items())
        largest, count = max(largest, sum(array.nbytes for array in arrays.values())), count + 1
    results = [(path, Digest.of(array)) for path, array in _calls(recorded)]
    found = first_module(results, values, graph_view)
    figures = {"modules": len(results), "values": len(values), "chunks": count, "largest_chunk_bytes": largest}
    seen = f"compared {len(results)} results of modules with {len(values)} values"
    if found is None:
        line = "not localised: every module that has a value of its own in the graph agrees with it"
        return Finding("", (line,), seen, figures)
    line = (
        f"origin: module {found.module}: {found.node} is {found.share:.1e} of its scale off; "
        f"the {found.agreeing} modules before it that have a value in the graph agree"
    )
    more = [f"folded into it or gone: {', '.join(found.since[-4:])}"] if found.since else []
    if len(found.nodes) > 1:
        more.append(f"between what agrees and it: {named(found.nodes)}")
    return Finding(f"; origin: module {found.module}", (line, *more), seen, {**figures, "origin": found.to_json()})


def _calls(
    recorded: Mapping[str, Array | Sequence[Array]] | Iterable[tuple[str, Array]],
) -> Iterable[tuple[str, Array]]:
    if not isinstance(recorded, Mapping):
        yield from recorded
        return
    for path, result in recorded.items():
        for array in [result] if hasattr(result, "dtype") else result:
            yield path, array  # type: ignore[misc]
