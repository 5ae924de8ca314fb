"""Values from inside a side's model, as further outputs of a copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.localise.graph_view import GraphView
from pytest_onnxaccel.core.errors import BackendTimedOut, OnnxAccelError
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide, derived

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Most sessions that may fail to load before the rest is given up: each costs as much as one that works.
_PATIENCE = 6


@dataclass
class ExposedModel:
    """Gives values from inside a side's model.

    Attributes:
        refused: values that the side's backend would not give, with the reason of the last one.
        sessions: how many were loaded.
    """

    side: ComparisonSide
    graph_view: GraphView
    refused: dict[str, str] = field(default_factory=dict)
    sessions: int = 0

    def run(self, values: Sequence[str], *feeds: Mapping[str, Array]) -> list[dict[str, Array]]:
        """Return the outputs and *values* for each of *feeds*, by one session or, where it cannot load, by several.

        Raises:
            OnnxAccelError: not even the outputs can be had.
        """
        wanted = [name for name in values if name not in self.refused and name not in self.graph_view.outputs]
        try:
            return self._once(wanted, feeds)
        except OnnxAccelError as error:
            # Fewer values would not make a model faster that does not come to an end
            if not wanted or isinstance(error, BackendTimedOut):
                raise
            if len(wanted) == 1 or len(self.refused) >= _PATIENCE:
                self.refused |= dict.fromkeys(wanted, str(error))
                return self.run([], *feeds)
        middle = len(wanted) // 2
        halves = self.run(wanted[:middle], *feeds), self.run(wanted[middle:], *feeds)
        return [first | second for first, second in zip(*halves, strict=True)]

    def _once(self, values: Sequence[str], feeds: Sequence[Mapping[str, Array]]) -> list[dict[str, Array]]:
        self.sessions += 1
        model_session, target = self.side.model_session, derived(self.side.model_session, "exposed")
        known = {name: self.graph_view.values[name] for name in values}
        try:
            model_session.graph("expose", source=self.side.file, target=target, values=list(values), known=known)
            session = self.side.at(target).session()
            return [session.run(one) for one in feeds]
        finally:
            model_session.forget(target)
