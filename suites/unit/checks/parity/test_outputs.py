"""Comparisons of one output: by indices, rows, steps, decisions, one number, a function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pytest_onnxaccel.checks.parity.check import Noisy, ParityCase, parity
from pytest_onnxaccel.checks.parity.outputs import simple
from pytest_onnxaccel.checks.parity.outputs.comparer import Comparer
from pytest_onnxaccel.checks.parity.outputs.ranked import Ranked
from pytest_onnxaccel.checks.parity.outputs.rows import RowGroup, Rows
from pytest_onnxaccel.core.comparisons import Ranking
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.compare.aggregates import aggregate
from pytest_onnxaccel.numerics.compare.ranked import as_indices, pointed
from pytest_onnxaccel.numerics.compare.rows import Scores, Table, match, near
from suites.unit.fakes import FakeSession, inputs_of, tensor

INPUTS = inputs_of(tensor("x", "N", 4), batch="N")


def nothing(name: str, number: int) -> tuple[None, None]:
    return None, None


def judged(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], comparers: Mapping[str, Comparer], **more: Any
) -> CheckResult:
    sides = [FakeSession(lambda _, side=side: {k: np.asarray(v) for k, v in side.items()}) for side in (ours, theirs)]
    case = ParityCase("m", "a", "b", sides[0], sides[1], INPUTS, Tolerance(), comparers=comparers, **more)
    return parity(case)


# -- indices --------------------------------------------------------------------------------------------------------


def test_an_index_is_right_where_its_score_is() -> None:
    scores = np.array([[3.0, 1.0, 1.0, 0.0]], np.float32)
    ours, theirs = np.array([[0, 2]]), np.array([[0, 1]])
    found = pointed(ours, theirs, scores, 1, np.zeros_like(scores), True)
    assert (found.differ, found.bad.any()) == (1, False)
    assert pointed(np.array([[0, 3]]), theirs, scores, 1, np.zeros_like(scores), True).bad.tolist() == [[False, True]]
    for wrong, why in (
        (np.array([[0, 4]]), "outside"),
        (np.array([[0, -1]]), "outside"),
        (np.array([[0, 0]]), "twice"),
    ):
        found = pointed(wrong, theirs, scores, 1, np.full_like(scores, 9), True)
        assert found.bad.any()
        assert why in found.why


def test_indices_in_another_shape_or_type_are_the_same() -> None:
    found = as_indices(np.arange(12, dtype=np.float32).reshape(3, 4), (2, 20), 1)
    assert found is not None
    assert found.tolist() == [[*range(6)], [*range(6, 12)]]
    assert as_indices(np.array([0.5, 1.0]), (2, 20), 1) is None
    assert as_indices(np.zeros(5), (2, 20), 1) is None


def test_without_scores_what_stands_beside_the_indices_tells() -> None:
    ranking = Ranking("TopK", "top", "inside", -1, several=True, values="best")
    theirs = {"best": np.float32([[9, 5, 5, 2]]), "at": np.array([[7, 1, 4, 3]])}
    tied = judged({**theirs, "at": np.array([[7, 4, 1, 3]])}, theirs, {"at": Ranked(ranking, nothing)})
    assert tied.verdict is Verdict.PASSED
    assert "compared as ranked (TopK 'top'): at" in tied.notes
    assert "at: 2 of 4 indices differ and point at scores that tie" in tied.notes
    last = judged({**theirs, "at": np.array([[7, 1, 4, 0]])}, theirs, {"at": Ranked(ranking, nothing)})
    assert last.verdict is Verdict.PASSED  # another one of the last score may have been kept
    for wrong in ([[1, 7, 4, 3]], [[0, 1, 4, 3]]):
        found = judged({**theirs, "at": np.array(wrong)}, theirs, {"at": Ranked(ranking, nothing)})
        assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY")
        assert "indices point at another score" in found.message


def test_by_the_candidates_own_scores_many_ties_do_not_decide() -> None:
    """Scores that are all zero in a damaged model would make every index right."""
    ranking = Ranking("ArgMax", "winner", "inside", -1)
    own = np.zeros((20, 5), np.float32)

    def inner(name: str, number: int) -> tuple[Any, Any]:
        return own, None

    theirs = {"class": np.arange(20) % 5}
    many = judged({"class": np.zeros(20, int)}, theirs, {"class": Ranked(ranking, inner)})
    assert (many.verdict, many.code) == (Verdict.INCONCLUSIVE, "V_PARITY")
    assert "nothing of output 'class' could be judged" in many.message
    one = {"class": np.where(np.arange(20) == 3, 0, theirs["class"])}
    few = judged(one, theirs, {"class": Ranked(ranking, inner)})
    assert few.verdict is Verdict.PASSED
    assert any("by the candidate's own scores" in note for note in few.notes)


# -- rows -----------------------------------------------------------------------------------------------------------


def table(ours: Any, theirs: Any, allowed: float = 0.0) -> Table:
    a, b = (np.asarray(x, float).reshape(len(x), -1) for x in (ours, theirs))
    return Table(a, b, np.full(b.shape, allowed))


def test_rows_pair_up_whatever_their_place() -> None:
    found = match([table([3, 1, 2], [1, 2, 3])], None)
    assert found.pairs.tolist() == [1, 2, 0]
    assert found.swapped == 3


def test_a_chain_of_rows_that_each_have_two_partners_is_solved() -> None:
    """Row 0 stands at its own place, where row 1 must go: only by moving it do all find one."""
    found = match([table([1.0, 0.0, 5.0], [0.5, 1.4, 5.0], 0.5)], None)
    assert sorted(found.pairs.tolist()) == [0, 1, 2]
    assert found.pairs.tolist()[:2] == [1, 0]


def test_near_ties_may_swap_and_others_may_not() -> None:
    theirs, ours = [10, 20, 30], [20, 10, 30]
    tied = Scores(np.array([0.9, 0.9, 0.1]), np.array([0.9, 0.9, 0.1]), 1e-6)
    assert match([table(ours, theirs)], tied).pairs.tolist() == [1, 0, 2]
    apart = Scores(np.array([0.9, 0.8, 0.1]), np.array([0.9, 0.8, 0.1]), 1e-6)
    found = match([table(ours, theirs)], apart)
    assert found.cut == ((), ())
    assert found.pairs.tolist() == [0, 1, 2]  # where they differ, as figures then say


def test_what_ties_with_the_last_row_is_not_judged() -> None:
    scores = Scores(np.array([0.9, 0.5, 0.5]), np.array([0.9, 0.5, 0.5]), 1e-6)
    found = match([table([1, 2, 7], [1, 2, 3])], scores)
    assert found.cut == ((2,), (2,))
    assert match([table([8, 2, 3], [1, 2, 3])], scores).cut == ((), ())
    assert match([table([1, 2, 7], [1, 2, 3])], scores, cuts=False).cut == ((), ())


def test_how_good_the_last_row_is_is_judged() -> None:
    """The best of one: it ties with the last one that is kept, which is itself, and is twice as large."""
    scores = Scores(np.array([2.0]), np.array([1.0]), 1e-6)
    found = match([table([2], [1])], scores)
    assert (found.cut, found.pairs.tolist()) == (((), ()), [0])
    noise = Scores(np.array([1.0 + 1e-4]), np.array([1.0]), 1e-6, loose=1e-3)
    assert match([table([7], [3])], noise).cut == ((0,), (0,))


def test_how_near_scores_must_be_follows_what_both_sides_show() -> None:
    one = np.array([50.0, 40.0])
    assert near(one, one, "float32", 1.0) == pytest.approx(4 * 2.0**-23 * 50)
    assert near(one, one + 1e-4, "float32", 1.0) == pytest.approx(4e-4)
    assert near(one, one + 1e-4, "float32", 2e-4) == 2e-4
    assert near(one, one, "int64", 1.0) == 0


def rows(**axes: int) -> Rows:
    return Rows(RowGroup(axes, "scores"), nothing)


def test_outputs_that_share_their_rows_are_matched_together() -> None:
    """Boxes and labels that are each a permutation, but not the same one, belong to other rows."""
    theirs = {
        "boxes": np.float32([[1], [2], [3]]),
        "labels": np.array([7, 8, 9]),
        "scores": np.float32([0.5, 0.5, 0.5]),
    }
    one = rows(boxes=-2, labels=-1)
    good = {**theirs, "boxes": theirs["boxes"][[1, 0, 2]], "labels": theirs["labels"][[1, 0, 2]]}
    found = judged(good, theirs, {"boxes": one, "labels": one})
    assert found.verdict is Verdict.PASSED
    assert "boxes: 2 of 3 rows stand at another place, by near-tied scores" in found.notes
    both = {"boxes": rows(boxes=-2, labels=-1), "labels": rows(boxes=-2, labels=-1)}
    order = {**good, "scores": np.float32([0.9, 0.7, 0.5])}
    assert judged(order, {**theirs, "scores": order["scores"]}, both).code == "V_PARITY"
    apart = {**theirs, "scores": np.float32([0.9, 0.7, 0.5])}
    wrong = {**apart, "boxes": theirs["boxes"][[1, 0, 2]]}
    found = judged(wrong, apart, {"boxes": one, "labels": one})
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY")


def test_rows_that_all_tie_with_the_last_one_are_inconclusive() -> None:
    theirs = {"boxes": np.float32([[1], [2]]), "scores": np.float32([0.5, 0.5])}
    found = judged({**theirs, "boxes": np.float32([[8], [9]])}, theirs, {"boxes": rows(boxes=-2)})
    assert (found.verdict, found.code) == (Verdict.INCONCLUSIVE, "V_PARITY")


def test_another_number_of_rows_fails() -> None:
    theirs = {"boxes": np.float32([[1], [2], [3]]), "scores": np.float32([0.9, 0.7, 0.5])}
    ours = {"boxes": np.float32([[1], [3]]), "scores": np.float32([0.9, 0.5])}
    one = rows(boxes=-2, scores=-1)
    found = judged(ours, theirs, {"boxes": one, "scores": one})
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY")
    assert "2 rows, the reference 3" in found.message
    none = {"boxes": np.zeros((0, 1), np.float32), "scores": np.zeros(0, np.float32)}
    assert judged(none, theirs, {"boxes": one, "scores": one}).code == "V_PARITY"
    assert judged(theirs, none, {"boxes": one, "scores": one}).code == "V_PARITY"
    empty = judged(none, none, {"boxes": one, "scores": one})
    assert (empty.verdict, "every output is empty" in empty.message) == (Verdict.INCONCLUSIVE, True)


def test_outputs_of_a_group_that_have_other_numbers_of_rows_are_matched_apart() -> None:
    theirs = {"boxes": np.float32([[1], [2], [3]]), "points": np.float32([[1], [2], [3], [4], [5]])}
    ours = {"boxes": theirs["boxes"][[1, 0, 2]], "points": theirs["points"][[1, 0, 2, 4, 3]]}
    one = Rows(RowGroup({"boxes": -2, "points": -2}), nothing)
    assert judged(ours, theirs, {"boxes": one, "points": one}).verdict is Verdict.PASSED
    wrong = {**ours, "points": theirs["points"] + np.float32(0.5)}
    found = judged(wrong, theirs, {"boxes": one, "points": one})
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY")


def test_a_text_of_a_group_is_compared_as_it_is() -> None:
    theirs = {"names": np.array(["a", "b"], object)}
    assert judged(theirs, theirs, {"names": rows(names=-1)}).verdict is Verdict.PASSED
    found = judged({"names": np.array(["a", "c"], object)}, theirs, {"names": rows(names=-1)})
    assert found.code == "V_PARITY"


# -- steps, decisions, one number, a function -----------------------------------------------------------------------


def test_steps() -> None:
    theirs = {"y": np.arange(40, dtype=np.uint8)}
    one = {"y": np.where(np.arange(40) < 12, theirs["y"] + 1, theirs["y"]).astype(np.uint8)}
    found = judged(one, theirs, {"y": simple.Steps("steps of Q 'q'")})
    assert found.verdict is Verdict.PASSED
    assert "y: 12 of 40 elements a step apart" in found.notes
    every = judged({"y": theirs["y"] + np.uint8(1)}, theirs, {"y": simple.Steps("steps of Q 'q'")})
    assert "100% of the elements are a step apart" in every.message
    assert judged({"y": theirs["y"] + np.uint8(1)}, theirs, {"y": simple.Steps("steps:1", limited=True)}).verdict is (
        Verdict.PASSED
    )
    two = {"y": np.where(np.arange(40) == 3, theirs["y"] + 2, theirs["y"]).astype(np.uint8)}
    assert judged(two, theirs, {"y": simple.Steps("steps of Q 'q'")}).code == "V_PARITY"
    four_bits = np.dtype(ml_dtypes.uint4)
    small = {"y": np.arange(10).astype(four_bits)}
    beside = {"y": np.where(np.arange(10) == 3, 4, np.arange(10)).astype(four_bits)}
    far = {"y": np.where(np.arange(10) == 3, 9, np.arange(10)).astype(four_bits)}
    assert judged(beside, small, {"y": simple.Steps("steps of Q 'q'")}).verdict is Verdict.PASSED
    assert judged(far, small, {"y": simple.Steps("steps of Q 'q'")}).code == "V_PARITY"
    floats = {"y": np.float32([1])}
    with pytest.raises(ModelError, match="not of whole numbers"):
        judged(floats, floats, {"y": simple.Steps("steps:1")})


def test_a_decision_is_the_largest_element() -> None:
    theirs = {"y": np.float32([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]])}
    loose = {"y": np.float32([[0.2, 0.5, 0.3], [0.9, 0.0, 0.1]])}
    assert judged(loose, theirs, {"y": simple.Winner()}).verdict is Verdict.PASSED
    found = judged({"y": loose["y"][::-1]}, theirs, {"y": simple.Winner()})
    assert found.code == "V_PARITY"
    assert "2 of 2 decisions differ; the first: row [0]: class 0, the reference class 1" in found.message
    tie = {"y": np.float32([[0.5, np.nextafter(np.float32(0.5), 1), 0]])}
    other = {"y": np.float32([[0.5, np.nextafter(np.float32(0.5), 0), 0]])}
    assert judged(other, tie, {"y": simple.Winner()}).verdict is Verdict.PASSED


@pytest.mark.parametrize(("kind", "limit"), [("cosine", 0.999), ("psnr", 40), ("sqnr", 30)])
def test_one_number_for_an_output_has_a_limit(kind: str, limit: float) -> None:
    rng = np.random.default_rng(3)
    theirs = rng.standard_normal(1000).astype(np.float32)
    near_by, far = (theirs + scale * rng.standard_normal(1000).astype(np.float32) for scale in (0.01, 0.3))
    one = {"y": simple.Aggregate(kind, limit)}
    found = judged({"y": near_by}, {"y": theirs}, one)
    assert found.verdict is Verdict.PASSED
    assert found.figures["outputs"]["y"][kind] == pytest.approx(aggregate(kind, near_by, theirs))
    found = judged({"y": far}, {"y": theirs}, one)
    assert (found.verdict, found.code) == (Verdict.FAILED, "V_PARITY")
    assert f"is below {limit:g}" in found.message
    # One NaN is a breach of the contract, whatever the limit
    broken = near_by.copy()
    broken[5] = np.nan
    assert judged({"y": broken}, {"y": theirs}, one).code == "V_CONTRACT"


def test_aggregates_are_what_they_are_called() -> None:
    reference = np.array([0.0, 4.0])
    assert aggregate("sqnr", reference + 1, reference) == pytest.approx(10 * np.log10(8))
    assert aggregate("psnr", reference + 1, reference) == pytest.approx(10 * np.log10(16))
    assert aggregate("sqnr", reference, reference) == np.inf
    assert aggregate("cosine", -reference, reference) == -1


def test_a_function_decides_alone() -> None:
    calls = []

    def run(candidate: Any, reference: Any) -> tuple[bool, str]:
        calls.append(candidate)
        return bool(candidate.size == reference.size), "sizes differ"

    one = {"y": simple.Called("mine:alike", run)}
    assert judged({"y": np.float32([[5]])}, {"y": np.float32([1])}, one).verdict is Verdict.PASSED
    one = {"y": simple.Called("mine:alike", run)}
    found = judged({"y": np.float32([5, 6])}, {"y": np.float32([1])}, one)
    assert (found.code, found.message) == ("V_PARITY", "output 'y': mine:alike says that it differs: sizes differ")
    assert len(calls) == 3 + 3  # once for each sample


def test_a_comparison_of_a_sequence_is_of_each_of_its_elements() -> None:
    theirs = {"p/0": np.float32([1, 2, 3]), "p/1": np.float32([4, 5, 6]), "q": np.float32([1])}
    ours = {**theirs, "p/1": np.float32([4, 5.01, 6])}
    found = judged(ours, theirs, {"p": simple.Aggregate("cosine", 0.99)})
    assert found.verdict is Verdict.PASSED
    assert "compared as cosine:0.99: p/0, p/1" in found.notes
    assert judged(ours, theirs, {"q": simple.Aggregate("cosine", 0.99)}).code == "V_PARITY"


def test_numbers_that_are_drawn_have_a_type_and_a_shape() -> None:
    one = {"y": simple.ShapesAlone()}
    assert judged({"y": np.float32([1, 2])}, {"y": np.float32([8, 9])}, one).verdict is Verdict.PASSED
    assert judged({"y": np.float32([1])}, {"y": np.float32([8, 9])}, one).code == "V_CONTRACT"
    assert judged({"y": np.float64([1, 2])}, {"y": np.float32([8, 9])}, one).code == "V_CONTRACT"


def test_the_sample_that_fails_stays_the_worst_when_noise_is_measured() -> None:
    """The verdict is taken anew on the hardest sample alone, so that must be the one that is wrong."""
    counted = iter(range(99))

    def ours(feeds: Any) -> dict[str, Any]:
        return {"y": np.array([1 if next(counted) == 0 else 0])}

    def theirs(feeds: Any) -> dict[str, Any]:
        return {"y": np.array([0])}

    noisy = Noisy(variants=lambda: iter(()), always=True)
    one = {"y": Ranked(Ranking("ArgMax", "w", "", -1), nothing)}
    case = ParityCase(
        "m", "a", "b", FakeSession(ours), FakeSession(theirs), INPUTS, Tolerance(), comparers=one, noisy=noisy
    )
    assert parity(case).code == "V_PARITY"
