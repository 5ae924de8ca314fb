"""Results are kept packed, come back as they were, and of a test that ran twice the last one counts."""

from __future__ import annotations

import tracemalloc

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.plugin.run.kept_results import KeptResults


def result(number: int = 0, verdict: Verdict = Verdict.PASSED) -> CheckResult:
    figures = {"max_abs": number / 7, "worst_output": f"y{number}", "rows": [number, {"name": "é", "share": 0.5}]}
    return CheckResult(
        f"m{number}.onnx", "parity", verdict, message=f"all {number} are equal", backend="ort-cpu",
        figures=figures, notes=("a note",), nodeid=f"m{number}.onnx::parity",
    )  # fmt: skip


def test_they_come_back_in_their_order() -> None:
    kept = KeptResults()
    assert not kept
    assert kept.all() == []
    for number in range(3):
        kept.keep(f"t{number}", [result(number).dumps()])
    kept.keep("nothing", [])
    assert kept
    assert kept.all() == [result(0), result(1), result(2)]


def test_the_last_run_of_a_test_counts() -> None:
    kept = KeptResults()
    kept.keep("a", [result(1, Verdict.FAILED).dumps(), result(2).dumps()])
    kept.keep("b", [result(3).dumps()])
    assert kept.all()[0].verdict is Verdict.FAILED
    kept.keep("a", [result(1).dumps()])
    assert kept.all() == [result(3), result(1)]


def test_a_test_that_ran_twice_far_apart_counts_once_and_last() -> None:
    """Its results are in two packs then, and others between them."""
    kept = KeptResults()
    for number in range(200):
        kept.keep(str(number), [result(number).dumps(), result(number + 1).dumps()])
    for number in (150, 3):
        kept.keep(str(number), [result(number, Verdict.FAILED).dumps()])
    order = [number for number in range(200) if number not in (150, 3)]
    wanted = [found for number in order for found in (result(number), result(number + 1))]
    assert kept.all() == [*wanted, result(150, Verdict.FAILED), result(3, Verdict.FAILED)]


def test_a_thousand_take_less_than_a_kilobyte_each() -> None:
    texts = [result(number).dumps() for number in range(1000)]
    tracemalloc.start()
    kept = KeptResults()
    for number, text in enumerate(texts):
        kept.keep(str(number), [text])
    taken = tracemalloc.get_traced_memory()[0] / len(texts)
    tracemalloc.stop()
    assert taken < 1000, taken
    assert len(kept.all()) == 1000


def test_results_share_what_they_have_in_common() -> None:
    one, two = (CheckResult.loads(result(number).dumps()) for number in range(2))
    assert one.backend is two.backend
    assert next(iter(one.figures)) is next(iter(two.figures))
