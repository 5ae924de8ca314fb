"""Two runs compared: what counts as worse, and the twin that does not."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.comparison.compare import compare
from suites.unit.report.kept import hygiene, latency, parity, report, structure


def worse(old: CheckResult, new: CheckResult) -> list[str]:
    return [change.text for change in compare(report(old), report(new), "old.json").worse]


def told(old: CheckResult, new: CheckResult) -> list[tuple[str, bool]]:
    return [(change.kind, change.worse) for change in compare(report(old), report(new), "old.json").changes]


def ratio(value: float, spread: float = 0.02) -> CheckResult:
    bounds = [value * (1 - spread), value * (1 + spread)]
    figures = {"p50_ms": 1.0, "speedup": value, "speedup_over": "torch", "speedup_bounds": bounds}
    return latency().with_(figures=figures)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (parity(max_abs=1e-7), parity(max_abs=2e-6), "error"),
        (parity(max_abs=0.0), parity(max_abs=5e-6), "error"),
        (parity(max_abs=1e-6), parity(max_abs=float("nan")), "error"),
        (parity(), parity(verdict=Verdict.FAILED, code="V_PARITY"), "verdict"),
        (parity(), parity(verdict=Verdict.INCONCLUSIVE), "verdict"),
        (parity(), parity(verdict=Verdict.NOT_APPLICABLE), "not judged"),
        (hygiene(unused=1), hygiene(unused=3), "hygiene"),
        (ratio(4.0), ratio(3.0), "ratio"),
        (parity(), parity(figures={**parity().figures, "reach": {"share": 0.8}}), "coverage"),
        (parity(figures={"sizes": [1, 4, 8]}), parity(figures={"sizes": [1, 4]}), "coverage"),
        (parity(), parity(figures={**parity().figures, "silent": ["y"]}), "coverage"),
    ],
)
def test_what_grew_worse(old: CheckResult, new: CheckResult, kind: str) -> None:
    assert told(old, new) == [(kind, True)]
    assert all(not bad for _, bad in told(new, old)), "the other way round it grew better"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (parity(max_abs=1e-6), parity(max_abs=3e-6)),  # another processor rounds otherwise
        (parity(max_abs=1e-9), parity(max_abs=5e-7)),  # a twentieth of the tolerance
        (latency(ms=2.0), latency(ms=200.0)),  # another machine has other milliseconds
        (ratio(4.0), ratio(3.9)),
        (ratio(4.0, 0.5), ratio(3.0, 0.5)),  # bounds that overlap
        (hygiene(unused=3), hygiene(unused=3)),
        (structure(), structure()),
    ],
)
def test_what_did_not(old: CheckResult, new: CheckResult) -> None:
    assert not worse(old, new)


@pytest.mark.parametrize(("now", "told_worse"), [(9.5, False), (7.0, False), (5.0, True), (2.0, True)])
def test_a_ratio_without_bounds_counts_where_much_is_lost(now: float, told_worse: bool) -> None:
    rows = [latency().with_(figures={"p50_ms": 1.0, "speedup": value, "speedup_over": "torch"}) for value in (9.0, now)]
    assert bool(worse(*rows)) == told_worse
    assert not told_worse or "was 9.0x (no bounds) and is" in worse(*rows)[0]


@pytest.mark.parametrize(
    ("share", "spread", "told_worse"), [(0.02, 0.01, False), (0.3, 0.01, True), (0.3, None, False), (0.9, None, True)]
)
def test_a_model_that_grows_slower_than_its_reference(share: float, spread: float | None, told_worse: bool) -> None:
    def row(value: float) -> CheckResult:
        bounds = {} if spread is None else {"regression_bounds": [value - spread, value + spread]}
        return latency().with_(figures={"regression": value, "regression_from": "main.onnx", **bounds})

    assert bool(worse(row(0.01), row(share))) == told_worse
    assert not worse(row(share), row(0.01))


def test_another_reference_is_another_ratio() -> None:
    rows = [latency().with_(figures={"regression": v, "regression_from": f}) for v, f in ((0.0, "a"), (2.0, "b"))]
    assert not worse(*rows)


def test_a_check_that_is_gone() -> None:
    old, new = report(structure(), parity()), report(structure())
    found = compare(old, new, "old.json")
    assert [change.text for change in found.worse] == ["parity of net [ort-cpu~reference b1] is gone; it was passed"]
    assert not compare(new, old, "old.json").worse
    assert [change.kind for change in compare(new, old, "old.json").changes] == ["new"]
    unselected = compare(old, new, "old.json", lambda row: row.check != "parity")
    assert (unselected.worse, unselected.left_out) == ((), 1)


def test_a_check_that_did_not_apply_is_not_missed() -> None:
    gone = parity(verdict=Verdict.NOT_APPLICABLE)
    assert not compare(report(structure(), gone), report(structure()), "old.json").worse


def test_an_accepted_failure_is_no_news() -> None:
    accepted = parity(verdict=Verdict.FAILED, code="V_PARITY", xfail="known")
    assert not worse(accepted, accepted)
    assert [kind for kind, _ in told(accepted, parity())] == ["verdict"]
    assert not worse(accepted, parity())
    assert worse(accepted, parity(verdict=Verdict.FAILED, code="V_PARITY"))


def test_several_tests_that_ask_for_the_same_check_are_told_apart() -> None:
    first, second = parity(nodeid="a/test_x.py::one"), parity(nodeid="a/test_x.py::two", max_abs=4e-6)
    moved = [row.with_(nodeid=row.nodeid.removeprefix("a/")) for row in (second, first)]
    found = compare(report(first, second), report(*moved), "old.json")
    assert not found.changes
    assert found.checks == 2


def test_lines_are_harmless() -> None:
    evil = "x\x1b[31m\n::error::y"
    found = compare(report(parity(model=evil)), report(structure()), evil)
    assert all(line.isprintable() and not line.startswith("::") for line in found.lines())
