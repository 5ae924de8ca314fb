"""Scenarios and advice as lines below the table: whom it is for, then what was found."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.report.text_format import name, safe

#: Longest line that a figure may ask for: the texts hold messages of runtimes.
_LONGEST = 600


def scenario_lines(results: Iterable[CheckResult]) -> list[str]:
    """Return one line for each latency result of a scenario."""
    lines = []
    for result in results:
        told = result.figures.get("scenario") if result.check == "latency" else None
        if isinstance(told, dict) and told.get("line"):
            whom = f"{name(result.model, 40)} [{name(result.backend, 40)}]"
            lines.append(f"scenario {safe(str(told.get('name')), 40)} of {whom}: {safe(str(told['line']))}")
    return lines


def advice_lines(results: Iterable[CheckResult]) -> list[str]:
    """Return the lines of every latency result that holds advice."""
    lines: list[str] = []
    for result in results:
        told = result.figures.get("advice") if result.check == "latency" else None
        texts = told.get("lines") if isinstance(told, dict) else None
        if isinstance(texts, (list, tuple)) and texts:
            batch = f" at batch {result.batch}" if result.batch not in (None, 1) else ""
            whom = f"{name(result.model, 40)} [{name(result.backend, 40)}]{batch}"
            lines.append(f"advice for {whom}, against the model as shipped:")
            lines += [f"- {safe(str(text), _LONGEST)}" for text in texts]
    return lines
