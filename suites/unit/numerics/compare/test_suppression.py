"""What NonMaxSuppression may choose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pytest_onnxaccel.numerics.compare.suppression import Suppressing, may_choose

#: The first two overlap by a half, the third stands apart.
BOXES = np.array([[[0, 0, 3, 1], [1, 0, 4, 1], [9, 0, 10, 1]]], np.float32)
SCORES = np.array([[[0.9, 0.8, 0.7]]], np.float32)
OF = Suppressing(BOXES, SCORES, 3, 0.3, 0.1)


def chosen(*boxes: int) -> np.ndarray:
    return np.array([[0, 0, box] for box in boxes], np.int64).reshape(-1, 3)


def may(*boxes: int, of: Suppressing = OF, near: float = 1e-6, loose: float = 1e-6) -> bool:
    return may_choose(chosen(*boxes), of, near, loose)


def test_the_right_choice_is_one_and_others_are_not() -> None:
    assert may(0, 2)
    for other in ((), (0,), (2,), (1, 2), (2, 0), (0, 1, 2), (0, 2, 2), (0, 3), (0, -1)):
        assert not may(*other), other


def test_scores_that_tie_may_come_in_either_order() -> None:
    tied = replace(OF, scores=np.array([[[0.8, 0.8000001, 0.7]]], np.float32))
    assert may(0, 2, of=tied)
    assert may(1, 2, of=tied)
    assert not may(2, 0, of=tied)


def test_an_overlap_at_the_threshold_may_count_or_not() -> None:
    border = replace(OF, overlap=0.5)
    assert may(0, 2, of=border)
    assert may(0, 1, 2, of=border)
    assert not may(0, of=border)
    assert not may(0, 2, of=replace(OF, overlap=0.51))


def test_a_score_at_the_least_may_count_or_not() -> None:
    border = replace(OF, least=0.7)
    assert may(0, of=border)
    assert may(0, 2, of=border)
    assert not may(0, 2, of=replace(OF, least=0.75))


def test_no_more_than_are_asked_for() -> None:
    one = replace(OF, most=1)
    assert may(0, of=one)
    assert not may(0, 2, of=one)
    assert not may(1, of=one)


def test_boxes_by_center_are_the_same() -> None:
    low, high = BOXES[..., :2], BOXES[..., 2:]
    other = replace(OF, boxes=np.concatenate([(low + high) / 2, high - low], axis=-1), center=True)
    assert may(0, 2, of=other)
    assert not may(0, 1, 2, of=other)


@pytest.mark.parametrize("shape", [(0, 3), (2, 2), (3,)])
def test_shapes_that_are_no_choice(shape: tuple[int, ...]) -> None:
    assert not may_choose(np.zeros(shape, np.int64), OF, 0.0, 0.0)


def test_floats_are_no_choice() -> None:
    assert not may_choose(chosen(0, 2).astype(np.float32), OF, 0.0, 0.0)


def test_classes_are_apart() -> None:
    of = replace(OF, scores=np.array([[[0.9, 0.8, 0.7], [0.05, 0.6, 0.01]]], np.float32))
    assert may_choose(np.array([[0, 0, 0], [0, 0, 2], [0, 1, 1]]), of, 1e-6, 1e-6)
    assert not may_choose(np.array([[0, 0, 0], [0, 0, 2], [0, 1, 0]]), of, 1e-6, 1e-6)
