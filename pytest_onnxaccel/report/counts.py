"""The order of results, the worst of them, and how many of each: what every report needs alike."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.text_format import name
from pytest_onnxaccel.runner.check_table import checks

#: Behind every check of a model.
_LAST = 1 << 30

#: *Not applicable* comes last: it says nothing against a row in which another check passed.
WORST_FIRST = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED, Verdict.NOT_APPLICABLE)

_COUNT_ORDER = (Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE)


def check_rank(check: str) -> tuple[int, str]:
    """Sort key of a check's name: as they run, then those that are not of a model, by name."""
    known = checks()
    return (known[check].order if check in known else _LAST, check)


def _key(result: CheckResult) -> tuple[object, ...]:
    batch = -1 if result.batch is None else result.batch
    # The last two break ties between tests that ask for the same check, so that no worker's pace decides.
    return (
        result.model,
        check_rank(result.check),
        result.backend,
        result.reference,
        batch,
        result.nodeid,
        result.message,
    )


def ordered(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Return *results* in an order that does not depend on the order in which they ran."""
    return sorted(results, key=_key)


def worst(results: Iterable[CheckResult]) -> Verdict:
    """Return the verdict that stands for all *results*; *not applicable* for none."""
    return min(
        (Verdict.PASSED if r.expected else r.verdict for r in results),
        key=WORST_FIRST.index,
        default=Verdict.NOT_APPLICABLE,
    )


def counts(results: Iterable[CheckResult]) -> dict[str, int]:
    """Return the number of results by verdict, all four present; ``xfailed`` where pytest expects some to fail."""
    found = {verdict.value: 0 for verdict in _COUNT_ORDER}
    for result in results:
        kind = "xfailed" if result.expected else result.verdict.value
        found[kind] = found.get(kind, 0) + 1
    return found


def words(verdict: Verdict | str) -> str:
    """Return a verdict as people write it."""
    return str(verdict).replace("_", " ")


def pair(result: CheckResult) -> str:
    """Return ``[backend~reference b1]``, as far as the parts are known; empty for a check of the file itself."""
    sides = [name(side, 40) for side in (result.backend, result.reference) if side]
    batch = "" if result.batch is None else f"b{result.batch}"
    inside = " ".join(part for part in ("~".join(sides), batch) if part)
    return f"[{inside}]" if inside else ""


def subject(result: CheckResult) -> str:
    """Return ``model [backend~reference b1]``."""
    return " ".join(part for part in (name(result.model, 80), pair(result)) if part)


def subjects(results: Iterable[CheckResult]) -> str:
    """Return in words how many models *results* are of, and how many pairs of preprocessing functions."""
    names: dict[str, bool] = {}
    for result in results:
        names[result.model] = names.get(result.model, True) and result.check == "preprocessing"
    pairs = sum(names.values())
    models = len(names) - pairs
    told = [f"{models} model{'s' if models != 1 else ''}"] if models or not pairs else []
    told += [f"{pairs} preprocessing pair{'s' if pairs != 1 else ''}"] if pairs else []
    return " and ".join(told)
