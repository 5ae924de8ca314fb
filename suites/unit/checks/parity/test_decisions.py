"""Decisions: which differ, by what margin, and what rounding may overturn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.checks.parity.check import Noisy, ParityCase, parity
from pytest_onnxaccel.config.validators import decision
from pytest_onnxaccel.core.errors import ConfigError, ModelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Decision, Tolerance
from pytest_onnxaccel.numerics.compare.boxes import flips_of, iou, kept, looks_like_classes
from suites.unit.fakes import Arrays, FakeSession, inputs_of, tensor

INPUTS = inputs_of(tensor("x", 1), batch=1)
LOOSE = Tolerance(0, 0.2, "--onnx-atol")


def fixed(**outputs: Any) -> FakeSession:
    arrays: Arrays = {name: np.asarray(value, np.float32) for name, value in outputs.items()}
    return FakeSession(lambda feeds: arrays)


def judged(
    candidate: FakeSession, reference: FakeSession, asked: Decision, tolerance: Tolerance = LOOSE
) -> CheckResult:
    return parity(ParityCase("m", "new", "old", candidate, reference, INPUTS, tolerance, noisy=Noisy(), decision=asked))


CLASSES = Decision("classification")
ROWS = [[0.1, 0.9], [0.5, 0.4], [0.3, 0.7]]


def test_equal_classes_pass_and_are_counted() -> None:
    result = judged(fixed(p=ROWS), fixed(p=ROWS), CLASSES)
    assert result.verdict is Verdict.PASSED
    assert result.figures["decision"] == {"kind": "classification", "decisions": 9, "flips": 0, "in_noise": 0}


def test_a_flip_fails_though_the_values_are_within_a_loose_tolerance() -> None:
    other = [[0.1, 0.9], [0.4, 0.5], [0.3, 0.7]]
    assert judged(fixed(p=other), fixed(p=ROWS), None).verdict is Verdict.PASSED  # type: ignore[arg-type]
    result = judged(fixed(p=other), fixed(p=ROWS), CLASSES)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
    assert result.message.startswith(
        "3 of 9 classification decisions differ; the first: p[1] of sample 0: class 1, the reference class 0 (margin"
    )
    assert result.figures["flips"] == 3


def test_a_flip_within_rounding_is_shown_and_no_failure() -> None:
    a = [[0.5, 0.5 + 6e-8], [0, 1]]
    b = [[0.5 + 6e-8, 0.5], [0, 1]]
    result = judged(fixed(p=a), fixed(p=b), CLASSES, Tolerance())
    assert result.verdict is Verdict.PASSED
    assert (result.figures["decision"]["flips"], result.figures["decision"]["in_noise"]) == (0, 3)
    assert result.notes[0].startswith("3 of 6 classification decisions differ within the noise, such as p[0]")


def test_classes_are_found_or_named() -> None:
    boxes = np.full((1, 3, 4), 7.0)
    with pytest.raises(ModelError, match="no output looks like classes"):
        judged(fixed(b=boxes), fixed(b=boxes), CLASSES)
    named = judged(fixed(b=boxes), fixed(b=boxes), Decision("classification", output="b"))
    assert named.figures["decision"]["decisions"] == 9
    with pytest.raises(ModelError, match="there is no output 'z'; the outputs are b"):
        judged(fixed(b=boxes), fixed(b=boxes), Decision("classification", output="z"))
    with pytest.raises(ModelError, match="holds no rows of classes"):
        judged(fixed(b=[1.0]), fixed(b=[1.0]), Decision("classification", output="b"))


def test_what_looks_like_classes() -> None:
    assert looks_like_classes(np.zeros((2, 3), np.float32))
    assert looks_like_classes(np.full((1, 5, 2), 0.5, np.float32))
    assert not looks_like_classes(np.full((1, 5, 4), 0.5, np.float32))
    assert not looks_like_classes(np.zeros((2, 3), np.int64))
    assert not looks_like_classes(np.zeros((2, 1), np.float32))
    assert flips_of(np.eye(3), np.eye(3)[::-1]) == 2
    assert flips_of(np.zeros(3), np.zeros(3)) is None


# -- boxes ----------------------------------------------------------------------------------------------------------

#: Two boxes that overlap by 0.6, and one apart.
BOXES = np.array([[[0, 0, 1, 1], [0, 0.25, 1, 1.25], [3, 3, 4, 4]]])
FACES = Decision("detection", threshold=0.5, iou=0.5)


def detector(*scores: float, boxes: Any = BOXES) -> FakeSession:
    face = np.asarray(scores)
    return fixed(scores=np.stack([1 - face, face], axis=-1)[None], boxes=boxes)


def test_suppression_keeps_the_best_of_overlapping_boxes() -> None:
    assert np.allclose(iou(BOXES[0, 0], BOXES[0]), [1, 0.6, 0])
    assert kept(np.array([0.7, 0.9, 0.6]), BOXES[0], 0.5, 0.5) == ([1, 2], {0: 1})
    assert kept(np.array([0.7, 0.9, 0.6]), BOXES[0], 0.5, 0.7) == ([1, 0, 2], {})
    assert kept(np.array([0.5, 0.1, 0.2]), BOXES[0], 0.5, 0.5) == ([], {})
    assert np.allclose(iou(np.zeros(4), np.zeros((1, 4))), 0)


def test_where_the_values_fail_the_decisions_are_told_beside() -> None:
    result = judged(detector(0.9, 0.8, 0.1), detector(0.9, 0.8, 0.9), FACES)
    assert result.message.startswith("output 'scores': ")
    assert any("detection decisions differ; the first: " in line for line in result.details)


def test_equal_detections_pass() -> None:
    result = judged(detector(0.9, 0.8, 0.7), detector(0.9, 0.85, 0.71), FACES)
    assert result.verdict is Verdict.PASSED
    found = result.figures["decision"]
    assert (found["decisions"], found["flips"], found["min_iou"]) == (6, 0, 1.0)
    assert np.isclose(found["max_score_gap"], 0.01, atol=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        (
            (0.9, 0.8, 0.45),
            (0.9, 0.8, 0.55),
            "[0, 2] of sample 0: no box (score 0.45), the reference class 1 at 0.55",
        ),
        (
            (0.9, 0.8, 0.55),
            (0.9, 0.8, 0.45),
            "[0, 2] of sample 0: class 1 at 0.55, the reference no box (score 0.45)",
        ),
        (
            (0.8, 0.9, 0.2),
            (0.9, 0.8, 0.2),
            "[0, 0] of sample 0: no box (score 0.8), the reference class 1 at 0.9",
        ),
    ],
    ids=["lost", "new", "another box of the same place"],
)
def test_a_box_more_or_less_fails(ours: tuple[float, ...], theirs: tuple[float, ...], says: str) -> None:
    result = judged(detector(*ours), detector(*theirs), FACES)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_PARITY")
    assert says in result.message


def test_boxes_at_the_threshold_and_in_a_tie_lie_within_the_noise() -> None:
    tiny = 6e-8
    for ours, theirs in (
        ((0.9, 0.8, 0.5), (0.9, 0.8, 0.5 + tiny)),
        ((0.9, 0.9 + tiny, 0.1), (0.9 + tiny, 0.9, 0.1)),
    ):
        result = judged(detector(*ours), detector(*theirs), FACES, Tolerance())
        assert result.verdict is Verdict.PASSED, result.message
        assert result.figures["decision"]["in_noise"] >= 3
        assert "differ within the noise" in result.notes[0]


def test_an_overlap_at_the_limit_lies_within_the_noise_and_one_off_it_does_not() -> None:
    def shifted(by: float) -> np.ndarray:
        moved = BOXES.copy()
        moved[0, 1, 1::2] += 1 / 3 - 0.25 + by  # an overlap of 0.5
        return moved

    scores = (0.9, 0.8, 0.1)
    near = judged(detector(*scores, boxes=shifted(1e-7)), detector(*scores, boxes=shifted(-1e-7)), FACES)
    assert near.verdict is Verdict.PASSED
    far = judged(detector(*scores, boxes=shifted(0.02)), detector(*scores, boxes=shifted(-0.02)), FACES)
    assert far.code == "V_PARITY"
    assert "3 of 3 detection decisions differ" in far.message


def test_neighbouring_anchors_of_one_place_are_one_box() -> None:
    same = np.array([[[0, 0, 1, 1], [0, 0.01, 1, 1.01], [3, 3, 4, 4]]])
    result = judged(detector(0.8, 0.9, 0.1, boxes=same), detector(0.9, 0.8, 0.1, boxes=same), FACES)
    assert (result.verdict, result.figures["decision"]["flips"]) == (Verdict.PASSED, 0)
    assert 0.95 < result.figures["decision"]["min_iou"] < 1


def test_one_class_without_a_background() -> None:
    asked = Decision("detection", scores="s", boxes="b")
    ours, theirs = (fixed(s=[0.9, 0.2, p], b=BOXES[0]) for p in (0.45, 0.55))
    assert "the reference class 0 at 0.55" in judged(ours, theirs, asked).message
    both = Decision("detection", background=-1)
    assert judged(detector(0.9, 0.1, 0.1), detector(0.9, 0.1, 0.1), both).figures["decision"]["decisions"] == 9


def test_outputs_that_are_no_detectors_are_refused() -> None:
    with pytest.raises(ModelError, match="are not \\[N x\\] boxes x 4"):
        judged(fixed(scores=[[0.5]], boxes=[[1, 2, 3]]), fixed(scores=[[0.5]], boxes=[[1, 2, 3]]), FACES)
    with pytest.raises(ModelError, match="do not belong to 1 x 3 boxes"):
        judged(fixed(scores=[[[0.5]]], boxes=BOXES), fixed(scores=[[[0.5]]], boxes=BOXES), FACES)


# -- as written -----------------------------------------------------------------------------------------------------


def test_a_decision_as_written() -> None:
    assert decision("classification") == Decision("classification")
    asked = decision({"kind": "detection", "scores": "s", "boxes": "b", "threshold": 0.7, "iou": 0.3, "background": -1})
    assert asked == Decision("detection", scores="s", boxes="b", threshold=0.7, iou=0.3, background=-1)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("argmax", "'argmax' is not a kind of decision"),
        (3, "3 is not a kind of decision"),
        ({"scores": "s"}, "None is not a kind of decision"),
        ({"kind": "classification", "iou": 0.5}, "a classification has no key 'iou'"),
        ({"kind": "detection", "iou": 2}, "iou 2 is not from 0 to 1"),
        ({"kind": "detection", "threshold": "high"}, "threshold 'high' is not from 0 to 1"),
        ({"kind": "detection", "background": 0.5}, "background 0.5 is not a class"),
        ({"kind": "detection", "boxes": ""}, "'' is not an output's name"),
    ],
)
def test_a_decision_that_cannot_be_used(value: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says.replace("(", "\\(")):
        decision(value)
