"""What ran and what was read inside a model: branches, loops, rows of tables; counted over samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

_T = TypeVar("_T")

#: Rows of larger tables are counted and not listed, so that what travels stays small.
_MOST_ROWS = 1 << 17


@record(frozen=True)
class Coverage:
    """What samples reached.

    Attributes:
        branches: by label of an If, which of its conditions came: ``True``, ``False``.
        loops: by label of a Loop, the most trips that it was asked for; 0 where it never ran.
        rows: by name of a table, the rows that were read; *sizes* how many it has.
        channels: by label of a Relu, the channels that were above 0 somewhere; *sizes* how many it has.
    """

    branches: Mapping[str, frozenset[bool]] = field(default_factory=dict)
    loops: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, frozenset[int]] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    channels: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def __or__(self, other: Coverage) -> Coverage:
        """Return what both reached together."""
        return Coverage(
            _joined(self.branches, other.branches),
            {key: max(self.loops.get(key, 0), other.loops.get(key, 0)) for key in {**self.loops, **other.loops}},
            _joined(self.rows, other.rows),
            {**self.sizes, **other.sizes},
            _joined(self.channels, other.channels),
        )

    @property
    def whole(self) -> bool:
        """Nothing that is looked at is unreached."""
        return not self.gaps()

    def gaps(self) -> list[str]:
        """Return what was not reached, a text each."""
        found = []
        for label, seen in self.branches.items():
            if len(seen) == 1:
                found.append(f"the {'else' if True in seen else 'then'} branch of {label} never ran")
        found += [f"the body of {label} never ran" for label, trips in self.loops.items() if trips == 0]
        for name, read in self.rows.items():
            if len(read) < self.sizes[name]:
                found.append(f"{len(read)} of {self.sizes[name]} rows of {name} read")
        silent = {label: self.sizes[label] - len(live) for label, live in self.channels.items()}
        if any(silent.values()):
            held = sum(1 for count in silent.values() if count)
            of = sum(self.sizes[label] for label in self.channels)
            found.append(f"{sum(silent.values())} of {of} channels, in {held} Relu, are 0 in every sample")
        return found

    @property
    def only_channels(self) -> bool:
        """Nothing else than channels is unreached."""
        return not replace(self, channels={}).gaps()

    def more_than(self, other: Coverage) -> bool:
        """Return whether it reached something that *other* did not."""
        return other | self != other

    def figures(self) -> dict[str, Any]:
        """Return it in builtins for the report."""
        return {
            "branches": {key: {"then": True in seen, "else": False in seen} for key, seen in self.branches.items()},
            "loops": dict(self.loops),
            "rows": {name: {"read": len(read), "of": self.sizes[name]} for name, read in self.rows.items()},
            "channels": {name: {"live": len(live), "of": self.sizes[name]} for name, live in self.channels.items()},
        }

    def to_json(self) -> dict[str, Any]:
        return {
            "branches": {key: sorted(seen) for key, seen in self.branches.items()},
            "loops": dict(self.loops),
            "rows": {key: sorted(read) for key, read in self.rows.items()},
            "sizes": dict(self.sizes),
            "channels": {key: sorted(live) for key, live in self.channels.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Coverage:
        return cls(
            {key: frozenset(map(bool, seen)) for key, seen in data["branches"].items()},
            {key: int(trips) for key, trips in data["loops"].items()},
            {key: frozenset(map(int, read)) for key, read in data["rows"].items()},
            {key: int(size) for key, size in data["sizes"].items()},
            {key: frozenset(map(int, live)) for key, live in data["channels"].items()},
        )


def _joined(a: Mapping[str, frozenset[_T]], b: Mapping[str, frozenset[_T]]) -> dict[str, frozenset[_T]]:
    return {key: a.get(key, frozenset()) | b.get(key, frozenset()) for key in {**a, **b}}


def counted(probes: Iterable[Mapping[str, Any]], values: Mapping[str, Array]) -> Coverage:
    """Return what one run reached.

    Args:
        probes: ``kind``, ``value``, ``label`` and ``size`` of each, see graph/reach/probes.py.
        values: by name, feeds and outputs of the run.
    """
    branches: dict[str, frozenset[bool]] = {}
    loops: dict[str, int] = {}
    rows: dict[str, frozenset[int]] = {}
    sizes: dict[str, int] = {}
    channels: dict[str, frozenset[int]] = {}
    for probe in probes:
        array, label = values.get(probe["value"]), str(probe["label"])
        if array is None or not array.size:
            continue
        if probe["kind"] == "branch":
            branches[label] = branches.get(label, frozenset()) | {bool(array.reshape(-1)[0])}
        elif probe["kind"] == "start":
            loops[label] = loops.get(label, 1) if array.reshape(-1)[0] else 0
        elif probe["kind"] == "trips":
            loops[label] = 0 if loops.get(label) == 0 else max(0, int(array.reshape(-1)[0]))
        elif probe["kind"] == "rows" and probe["size"] <= _MOST_ROWS and array.dtype.kind in "iu":
            read = np.unique(array.astype(np.int64))
            sizes[label] = int(probe["size"])
            rows[label] = rows.get(label, frozenset()) | frozenset((read % probe["size"]).tolist())
        elif probe["kind"] == "channels" and array.size == probe["size"]:
            sizes[label] = int(probe["size"])
            live = frozenset(np.flatnonzero(np.asarray(array, np.float64).reshape(-1) > 0).tolist())
            channels[label] = channels.get(label, frozenset()) | live
    return Coverage(branches, loops, rows, sizes, channels)
