"""Values from inside both sides of a comparison, where an output alone cannot tell which index or row is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.parity.outputs.comparer import VARIANT
from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide, derived

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array, Session

    Feeds = Mapping[str, Array]


class InnerValues:
    """Gives values of the graphs of both sides; nothing is opened before one is asked for.

    Args:
        sides: the candidate and the reference; None for what is not a graph.
        wanted: names of values in the reference's graph, or in the candidate's where that is the only one, and what
            each is called in the candidate's, where it has it.
        feeds: of a sample, by its number.
    """

    def __init__(
        self,
        sides: tuple[ComparisonSide, ComparisonSide | None],
        wanted: Mapping[str, str],
        feeds: Callable[[int], Feeds],
    ) -> None:
        ours, theirs = sides
        self._feeds = feeds
        self._sides = (
            _Inside(ours, wanted),
            None if theirs is None else _Inside(theirs, {name: name for name in wanted}),
        )
        self._known: dict[int, tuple[Feeds, Feeds]] = {}

    def __call__(self, name: str, number: int) -> tuple[Array | None, Array | None]:
        """Return the candidate's and the reference's value for sample *number*; None for what is not available."""
        if number == VARIANT:
            return None, None
        if number not in self._known:
            feeds = self._feeds(number)
            first, second = (side.run(feeds) if side is not None else {} for side in self._sides)
            self._known[number] = (first, second)
        ours, theirs = self._known[number]
        return ours.get(name), theirs.get(name)

    def close(self) -> None:
        """Close what was opened."""
        for side in self._sides:
            if side is not None:
                side.close()


class _Inside:
    """One side with values exposed.

    Args:
        names: what each value is called here, by the name that it is asked for.
    """

    def __init__(self, side: ComparisonSide, names: Mapping[str, str]) -> None:
        self._side, self._names = side, names
        self._session: Session | None = None
        self._target = ""
        self._refused = False

    def run(self, feeds: Feeds) -> dict[str, Array]:
        """Return the values for *feeds*; none where the side does not give them."""
        found = {asked: feeds[name] for asked, name in self._names.items() if name in feeds}
        if self._refused or len(found) == len(self._names):
            return found
        try:
            outputs = self._opened(feeds).run(feeds)
        except OnnxAccelError:
            self._refused = True  # what it does not give is then judged without
            return found
        return found | {asked: outputs[name] for asked, name in self._names.items() if name in outputs}

    def _opened(self, feeds: Feeds) -> Session:
        if self._session is not None and getattr(self._session, "alive", True):
            return self._session
        side = self._side
        shapes = {name: list(array.shape) for name, array in feeds.items()}
        view = side.model_session.graph("anatomy", path=side.file, shapes=shapes)
        values = [name for name in dict.fromkeys(self._names.values()) if name in view["exposable"]]
        if not values and not set(self._names.values()) & set(view["outputs"]):
            raise ModelError("it has no such values", code="E_CONVERT")
        known = {name: view["values"][name] for name in values}
        given = {*values, *view["inputs"], *view["outputs"]}
        fixed = [name for name in dict.fromkeys(self._names.values()) if name not in given]
        self._target = derived(side.model_session, "inside")
        side.model_session.graph(
            "expose", source=side.file, target=self._target, values=values, known=known, constants=fixed
        )
        self._session = side.at(self._target).session()
        return self._session

    def close(self) -> None:
        if self._target:
            with suppress(OnnxAccelError):
                self._side.model_session.forget(self._target)
            self._session, self._target = None, ""
