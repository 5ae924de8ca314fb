"""What stands below the table: what figures are measured against, what qualifies verdicts, and the counts."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.counts import counts, ordered, subject, words, worst
from pytest_onnxaccel.report.terminal.advice import advice_lines, scenario_lines
from pytest_onnxaccel.report.terminal.best_batch import best_batches
from pytest_onnxaccel.report.text_format import name, safe, wrap

#: Most lines of one kind of remark; inconclusive ones are exempt, because nobody may overlook them.
_MOST = 6

_COLORS = {Verdict.PASSED: "32", Verdict.FAILED: "31", Verdict.INCONCLUSIVE: "33"}


def footnotes(results: Iterable[CheckResult], width: int, dropped: Iterable[str], color: bool = False) -> list[str]:
    """Return the lines below a table of *results* of which the columns *dropped* found no room."""
    found = ordered(results)
    several = len({result.model for result in found}) > 1
    texts = [
        *(best.line(several) for best in best_batches(found)),
        *scenario_lines(found),
        *advice_lines(found),
        *_against("worst error: largest absolute difference from", _references(found)),
        *_against("speed-up: over", _baselines(found)),
        *(f"not shown at this width: {', '.join(names)}" for names in [list(dropped)] if names),
        *_remarks("note", _notes(found)),
        *_not_applicable([r for r in found if r.verdict is Verdict.NOT_APPLICABLE]),
        *(
            f"inconclusive: {safe(r.check, 30)} of {subject(r)}: {_reason(r)}"
            for r in found
            if r.verdict is Verdict.INCONCLUSIVE
        ),
    ]
    lines = [line for text in texts for line in wrap(text, width)]
    total = wrap("checks: " + ", ".join(f"{n} {words(v)}" for v, n in counts(found).items() if n), width)
    code = _COLORS.get(worst(found))
    return lines + ([f"\x1b[{code}m{line}\x1b[0m" for line in total] if color and code else total)


def _reason(result: CheckResult) -> str:
    message = safe(result.message) or "no reason given"
    named = result.code in ("", "OK") or result.code in message
    return message if named else f"{safe(result.code, 30)} {message}"


def _references(results: list[CheckResult]) -> list[tuple[str, str]]:
    compared = (r for r in results if r.check == "parity" and r.reference and "max_abs" in r.figures)
    return [(r.reference, r.backend) for r in compared]


def _baselines(results: list[CheckResult]) -> list[tuple[str, str]]:
    found = ((r.figures.get("speedup_over"), r.backend or r.model) for r in results if "speedup" in r.figures)
    return [(str(over), whom) for over, whom in found if over]


def _against(label: str, pairs: list[tuple[str, str]]) -> list[str]:
    """Return one line that names what *label* is measured against, and for whom where that differs."""
    sides: dict[str, dict[str, None]] = {}
    for other, backend in pairs:
        sides.setdefault(name(other, 40), {})[name(backend, 40)] = None
    if len(sides) < 2:
        return [f"{label} {other}" for other in sides]
    return [f"{label} " + ", ".join(f"{other} (for {_listed(whom)})" for other, whom in sides.items())]


def _notes(results: list[CheckResult]) -> list[tuple[str, CheckResult]]:
    """Return notes with the results that they came from.

    A comparison repeats the notes of both its sides, so it counts only where no result of one side has it.
    """
    found = [(note, result) for result in results for note in result.notes]
    own = {note for note, result in found if not result.reference}
    return [(note, result) for note, result in found if not result.reference or note not in own]


def _remarks(label: str, remarks: Iterable[tuple[str, CheckResult]]) -> list[str]:
    """Return one line per text, with whom it concerns: a backend's remark is the same for each of its models."""
    whom: dict[str, dict[str, None]] = {}
    for text, result in remarks:
        whom.setdefault(safe(text), {})[name(result.backend or result.model, 40)] = None
    return _capped(label, [f"{label}: {text} ({_listed(who)})" for text, who in whom.items()])


def _not_applicable(results: list[CheckResult]) -> list[str]:
    """Return one line per reason, with the checks and whom it concerns."""
    label = "not applicable"
    reasons: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for result in results:
        checks, whom = reasons.setdefault(_reason(result), ({}, {}))
        checks[safe(result.check, 30)] = None
        whom[name(result.backend or result.model, 40)] = None
    lines = [f"{label}: {_listed(checks)} [{_listed(whom)}]: {reason}" for reason, (checks, whom) in reasons.items()]
    return _capped(label, lines)


def _capped(label: str, lines: list[str]) -> list[str]:
    left = len(lines) - _MOST
    return lines if left < 2 else [*lines[:_MOST], f"{label}: and {left} more"]


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "")
