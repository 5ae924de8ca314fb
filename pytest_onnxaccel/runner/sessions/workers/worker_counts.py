"""How many workers a run started, and which of those that are kept had to be started again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any


class WorkerCounts:
    """Counts starts of workers.

    Attributes:
        forked: of an interpreter that had imported the runtimes.
        fresh: of an interpreter of their own.
        restarts: by whom they serve and why: ``end`` (the last one died or was ended), ``trust`` (the next source may
            execute something else).
    """

    def __init__(self) -> None:
        self.forked = 0
        self.fresh = 0
        self.restarts: Counter[tuple[str, str]] = Counter()

    def begun(self, label: str, forked: bool, again: bool) -> None:
        """Count one start; *again*: the same engine had a worker before."""
        self.forked += forked
        self.fresh += not forked
        if again:
            self.restarted(label, "end")

    def restarted(self, label: str, why: str) -> None:
        """Count that the worker of *label* gives way to another one."""
        self.restarts[label, why] += 1

    def to_json(self) -> dict[str, Any]:
        """Return it in builtins."""
        again = [[label, why, count] for (label, why), count in self.restarts.items()]
        return {"forked": self.forked, "fresh": self.fresh, "restarts": again}

    def add(self, counted: Mapping[str, Any]) -> None:
        """Add what :meth:`to_json` of another process gave."""
        self.forked += counted["forked"]
        self.fresh += counted["fresh"]
        for label, why, count in counted["restarts"]:
            self.restarts[label, why] += count

    def lines(self) -> Iterator[str]:
        """Yield what a person may read of it."""
        if not self.forked + self.fresh:
            return
        yield f"workers: {self.forked} forked, {self.fresh} started" + self._again()

    def _again(self) -> str:
        told = {"end": "after the last one ended", "trust": "for sources of another trust"}
        found = [f"{label} {count} times {told[why]}" for (label, why), count in sorted(self.restarts.items())]
        return f"; started again: {', '.join(found)}".replace(" 1 times ", " once ") if found else ""
