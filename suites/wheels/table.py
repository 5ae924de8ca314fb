"""Rows of reports as a table for a page: what a model was fed, where that is from, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

CHECKS = ("structure", "contract", "parity", "batch")
_SHORT = {"passed": "passed", "failed": "FAILED", "inconclusive": "inconclusive", "not_applicable": "n/a"}


@dataclass(frozen=True)
class Gated:
    """What the gate said of one model.

    Attributes:
        package: and its version.
        rows: of the JSON report.
        said: what pytest printed, where it wrote no report.
    """

    package: str
    model: str
    rows: tuple[dict[str, Any], ...]
    said: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def verdicts(self) -> str:
        """Verdicts by check, each kind once."""
        found = []
        for check in CHECKS:
            of = list(dict.fromkeys(_SHORT[row["verdict"]] for row in self.rows if row["check"] == check))
            found += [f"{check} {' and '.join(of)}"] if of else []
        return ", ".join(found)

    def fed(self) -> str:
        """Each input with its shape and the origin of its values."""
        for row in self.rows:
            inputs = row["figures"].get("inputs")
            if inputs:
                return ", ".join(
                    f"`{name}` {_sizes(told['shape'])} ({told['origin']})" for name, told in inputs.items()
                )
        return "nothing ran"

    def sizes(self) -> str:
        """Sizes that nobody gave; empty where there are none."""
        for row in self.rows:
            guessed = row["figures"].get("guessed_sizes")
            if guessed:
                return ", ".join(f"{name.split('.')[-1]}={size}" for name, size in guessed.items())
        return ""

    def reach(self) -> str:
        """Share of the weights that the inputs of parity reached."""
        for row in self.rows:
            share = row["figures"].get("reach", {}).get("share")
            if row["check"] == "parity" and share is not None:
                return f"{share:.1%}"
        return "not measured"


def _sizes(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "a number"


def page(found: Sequence[Gated]) -> str:
    """The table in Markdown."""
    lines = [
        "| package | model | inputs (origin) | guessed sizes | verdicts | reach |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one.package} | {one.model} | {one.fed()} | {one.sizes() or 'none'} | {one.verdicts()} | {one.reach()} |"
        for one in found
    ]
    return "\n".join(lines)


def problems(found: Sequence[Gated]) -> list[str]:
    """A line for each row that failed or is inconclusive, and for each model without a report."""
    told = []
    for one in found:
        told += [f"{one.model}: no report: {one.said}"] if not one.rows else []
        told += [
            f"{one.model} {row['check']}[{row['backend']}] {row['verdict']} {row['code']}: {row['message']}"
            for row in one.rows
            if row["verdict"] in ("failed", "inconclusive")
        ]
    return told
