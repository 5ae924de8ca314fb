"""Faults of postprocessing and of whole pipelines: found, with their kind, and in the stage that makes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel import CheckFailure, pipeline_parity
from pytest_onnxaccel.preprocessing import postprocessing_parity
from suites.preprocessing.test_pipeline import overlap

F = np.float32
DETECTOR = {"outputs": [("boxes", (1, 60, 4)), ("probabilities", (1, 60, 3))]}
CLASSES = {"outputs": [("logits", (1, 10))], "atol": 1e-5}
MAP = {"outputs": [("logits", (1, 5, 12, 16))], "unordered": False}


def found(
    limit: float = 0.45,
    above: Any = lambda scores: scores > 0.4,
    form: Any = lambda boxes: boxes,
    first: int = 1,
    shift: int = 0,
) -> Any:
    """Return the suppression of overlaps, with what people get wrong as arguments."""

    def function(boxes: Any, scores: Any) -> Any:
        labels = scores[0][:, first:].argmax(1) + first
        best = scores[0][np.arange(len(labels)), labels]
        good = above(best)
        box, best, labels = boxes[0][good], best[good], labels[good]
        kept: list[int] = []
        for at in np.argsort(-best, kind="stable"):
            if not kept or overlap(box[at], box[kept]).max() <= limit:
                kept.append(int(at))
        return {"boxes": form(box[kept]).astype(F), "scores": best[kept], "labels": labels[kept] + shift}

    return function


def times(*factors: float, moved: tuple[float, ...] = (0, 0, 0, 0)) -> Any:
    return lambda boxes: (boxes - np.array(moved, F)) * np.array(factors, F)


def turned(boxes: Any, scores: Any) -> Any:
    return {name: part[::-1] for name, part in found()(boxes, scores).items()}


def sized(boxes: Any) -> Any:
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def best_of(logits: Any, wide: Any = F) -> Any:
    shares = np.exp(logits.astype(wide) - logits.max())
    return {"label": f"c{int(logits.argmax())}", "shares": np.sort((shares / shares.sum())[0])[::-1].astype(F)}


POST = [
    ("rows in another order", found(), turned, "", DETECTOR),
    ("float64 inside", best_of, lambda x: best_of(x, np.float64), "", CLASSES),
    ("another axis last", lambda x: x[0].argmax(0), lambda x: np.moveaxis(x, 1, -1)[0].argmax(-1), "", MAP),
    ("labels from 1", found(), found(shift=1), "scale: every number is off by 1", DETECTOR),
    ("name of the next", best_of, lambda x: {**best_of(x), "label": "c3"}, "other: the candidate gives", CLASSES),
    ("limit of overlaps", found(), found(limit=0.6), "shape", DETECTOR),
    ("score", found(), found(above=lambda s: s > 0.45), "shape", DETECTOR),
    ("at least", found(above=lambda s: s > 0.5), found(above=lambda s: s >= 0.5), "shape", DETECTOR),
    ("background", found(), found(first=0), "shape", DETECTOR),
    ("corner and size", found(), found(form=sized), "layout: corner and size", DETECTOR),
    ("y first", found(), found(form=lambda b: b[:, [1, 0, 3, 2]]), "layout: [1, 0, 3, 2]", DETECTOR),
    ("height for width", found(form=times(640, 480, 640, 480)), found(form=times(480, 640, 480, 640)),
     "scale: [0.75, 1.3333, 0.75, 1.3333]", DETECTOR),
    ("half the size", found(form=times(640)), found(form=times(320)), "scale: a factor of 0.5", DETECTOR),
    ("padding left in", found(form=times(640, moved=(0, 0.125, 0, 0.125))), found(form=times(640)),
     "offset: moved by [0, 80, 0, 80]", DETECTOR),
    ("not clipped", found(form=lambda b: b.clip(0, 1)), found(), "value-range: clipped to 0 to 1", DETECTOR),
    ("lowest first", found(), turned, "axis-order: backwards", {**DETECTOR, "unordered": False}),
    ("map from 1", lambda x: x[0].argmax(0), lambda x: x[0].argmax(0) + 1, "scale: off by 1", MAP),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "candidate", "told", "arguments"), [one[1:] for one in POST], ids=[p[0] for p in POST]
)
def test_postprocessing(reference: Any, candidate: Any, told: str, arguments: dict[str, Any]) -> None:
    if not told:
        assert postprocessing_parity(reference, candidate, **arguments).equivalent
        return
    with pytest.raises(CheckFailure) as caught:
        postprocessing_parity(reference, candidate, **arguments)
    kind, _, words = told.partition(": ")
    assert caught.value.report.kind == kind, str(caught.value)
    assert words in caught.value.report.sentence


WEIGHTS = np.random.default_rng(0).normal(size=(6, 3 * 64)).astype(F)


def prepared(level: int = 0, factor: float = 255, channels: int = 1, top: int = 1) -> Any:
    """Return a pad to 10 x 10 of the middle 8 x 8."""

    def function(image: Any) -> Any:
        out = np.full((10, 10, 3), level, F)
        out[top : top + 8, 1:9] = image[:8, :8, ::channels]
        return (out / F(factor)).transpose(2, 0, 1)[None]

    return function


def net(weights: Any = WEIGHTS, times: float = 1.0) -> Any:
    return lambda x: (weights @ x[0, :, 1:9, 1:9].reshape(-1) * F(times))[None].astype(F)


def read(shift: int = 0, factor: float = 1.0) -> Any:
    def function(scores: Any) -> Any:
        order = np.argsort(-scores[0], kind="stable")[:3]
        return {"labels": order + shift, "scores": scores[0][order] * F(factor)}

    return function


RIGHT = (prepared(), net(), read())
PIPELINES = [
    ("the same", (prepared(), net(), read()), "", {}),
    ("another order", (prepared(), net(), lambda y: {k: v[::-1] for k, v in read()(y).items()}), "", {}),
    ("scaled in the model", (prepared(factor=1), net(times=1 / 255), read()), "", {"atol": 1e-4}),
    ("colours", (prepared(channels=-1), net(), read()), "preprocess: channel-swap", {}),
    ("one row down", (prepared(top=2), net(), read()), "preprocess: offset", {}),
    ("factor", (prepared(factor=256), net(), read()), "preprocess: scale", {}),
    ("weights", (prepared(), net(WEIGHTS * F(1.01)), read()), "model: 1.01", {}),
    ("half", (prepared(), lambda x: net()(x).astype(np.float16).astype(F), read()), "model: float16", {}),
    ("labels", (prepared(), net(), read(1)), "postprocess: off by 1", {}),
    ("scores", (prepared(), net(), read(factor=2)), "postprocess: a factor of 2", {}),
    ("two", (prepared(channels=-1), net(), read(1)), "preprocess: channel-swap", {}),
]


@pytest.mark.parametrize(("stages", "told", "arguments"), [one[1:] for one in PIPELINES], ids=[p[0] for p in PIPELINES])
def test_pipelines(stages: Any, told: str, arguments: dict[str, Any]) -> None:
    settings = {"shape": (12, 16, 3), "shapes": [(12, 16), (9, 20)], "examples": 3, "unordered": True, **arguments}
    if not told:
        assert pipeline_parity(RIGHT, stages, **settings).report.equivalent
        return
    with pytest.raises(CheckFailure) as caught:
        pipeline_parity(RIGHT, stages, **settings)
    stage, _, words = told.partition(": ")
    assert caught.value.report.stage == stage, str(caught.value)
    assert words in caught.value.report.sentence
