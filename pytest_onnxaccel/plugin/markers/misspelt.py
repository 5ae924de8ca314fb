"""Marks whose name is nearly that of a marker of ours: pytest warns at most, and nothing would be checked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.plugin.markers.table import BY_NAME, Marker, strange

#: How much of a name must be right for it to be taken for a misspelt one.
_ALIKE = 0.8
#: A test that asks for one of these is about a model.
_OURS = frozenset(("onnx_model", "onnx_models", "frozen_batch"))


def refuse(items: Iterable[pytest.Item]) -> None:
    """Refuse misspelt marks on *items*, outside a worker of pytest-xdist.

    Raises:
        pytest.UsageError: a line for each of them, with its test.
    """
    wrong = dict.fromkeys(line for item in items for line in _lines(item, item.nodeid.partition("[")[0]))
    if wrong:
        raise pytest.UsageError(*wrong)


def refuse_function(definition: pytest.Item) -> None:
    """Refuse misspelt marks on a test function, in a worker of pytest-xdist.

    Raises:
        pytest.Collector.CollectError: a line for each of them; pytest reports it as an error of the test's module.
    """
    if wrong := list(_lines(definition, definition.nodeid)):
        raise pytest.Collector.CollectError("\n".join(wrong))


def _lines(node: pytest.Item, nodeid: str) -> Iterator[str]:
    for mark in strange(node):
        close = difflib.get_close_matches(mark.name, BY_NAME, n=1, cutoff=_ALIKE)
        if close and _is_ours(node, mark, BY_NAME[close[0]]):
            remedy = f"did you mean {close[0]!r}? A mark of your own belongs under 'markers' in pytest's ini file"
            error = ConfigError("no marker has this name", subject=f"@pytest.mark.{mark.name}", remedy=remedy)
            yield f"{nodeid}: {error}"


def _is_ours(node: pytest.Item, mark: pytest.Mark, meant: Marker) -> bool:
    """Return whether the test is about a model, or the mark is given what ours takes; else it may be anybody's."""
    asks = not _OURS.isdisjoint(getattr(node, "fixturenames", ()))
    return asks or any(argument.name in mark.kwargs for argument in meant.arguments)
