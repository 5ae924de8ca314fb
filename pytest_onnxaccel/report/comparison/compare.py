"""Pairs the checks of two runs and says what changed.

Milliseconds are never compared: another machine, or the same one on another day, has others. What is compared was
measured within one run (errors, ratios with their bounds) or counted (findings, shares of weights).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.comparison.changes import Change, Comparison
from pytest_onnxaccel.report.comparison.figures import figures_changed
from pytest_onnxaccel.report.counts import subject, words
from pytest_onnxaccel.report.run_report import RunReport
from pytest_onnxaccel.report.text_format import name, safe

#: How good a verdict is; what is not judged is worth less than what cannot be decided.
_WORTH = {Verdict.PASSED: 3, Verdict.INCONCLUSIVE: 2, Verdict.NOT_APPLICABLE: 1, Verdict.FAILED: 0}

_Key = tuple[str, str, str, str, int | None, str]


def compare(
    old: RunReport,
    new: RunReport,
    baseline: str,
    selected: Callable[[CheckResult], bool] | None = None,
) -> Comparison:
    """Return what changed from *old* to *new*.

    Args:
        old: the baseline.
        new: the run that is judged.
        baseline: name of the older report, as the user wrote it.
        selected: whether the new run was to have a check of the old one; None where it was to have all of them.
    """
    twice = _repeated(old.results) | _repeated(new.results)
    before = {_key(row, twice): row for row in old.results}
    now = {_key(row, twice): row for row in new.results}
    changes: list[Change] = []
    left_out = 0
    for key, row in before.items():
        if key in now:
            changes += pair_changed(row, now[key])
        elif row.verdict is Verdict.NOT_APPLICABLE:
            continue  # it said nothing before
        elif selected is not None and not selected(row):
            left_out += 1
        else:
            what = _named(row)
            changes.append(Change("vanished", True, what, f"{what} is gone; it was {words(_verdict(row))}"))
    fresh = [row for key, row in now.items() if key not in before and row.verdict is not Verdict.NOT_APPLICABLE]
    changes += [Change("new", False, _named(row), f"{_named(row)} is new: {words(_verdict(row))}") for row in fresh]
    changes.sort(key=lambda change: not change.worse)
    started = old.run.get("started")
    both = sum(key in now for key in before)
    return Comparison(name(baseline), safe(started, 40) if isinstance(started, str) else "", changes, both, left_out)


def _repeated(rows: Sequence[CheckResult]) -> set[_Key]:
    """Return keys that several rows have: tests that ask for the same check."""
    return {key for key, count in Counter(map(_plain, rows)).items() if count > 1}


def _plain(row: CheckResult) -> _Key:
    return (row.model, row.check, row.backend, row.reference, row.batch, "")


def _key(row: CheckResult, twice: Collection[_Key]) -> _Key:
    key = _plain(row)
    # The path before it depends on the folder that pytest was started in
    return key if key not in twice else (*key[:5], row.nodeid.rpartition("/")[2])


def _named(row: CheckResult) -> str:
    return f"{safe(row.check, 30)} of {subject(row)}"


def _verdict(row: CheckResult) -> str:
    return "an expected failure" if row.expected else row.verdict.value


def pair_changed(old: CheckResult, new: CheckResult) -> Iterator[Change]:
    """Yield the changes of one check."""
    what = _named(new)
    # A failure that is expected is one that somebody accepted
    worth = tuple(_WORTH[Verdict.INCONCLUSIVE if row.expected else row.verdict] for row in (old, new))
    if worth[0] != worth[1]:
        gone = new.verdict is Verdict.NOT_APPLICABLE
        why = f": {safe(new.message, 160)}" if worth[1] < worth[0] and new.message else ""
        text = f"{what} was {words(_verdict(old))} and is {words(_verdict(new))}{why}"
        yield Change("not judged" if gone else "verdict", worth[1] < worth[0], what, text)
    if Verdict.NOT_APPLICABLE not in (old.verdict, new.verdict):
        yield from figures_changed(old, new, what)
