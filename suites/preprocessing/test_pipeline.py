"""Postprocessing on made-up outputs of a model, and whole pipelines, end to end."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pytest_onnxaccel import CheckFailure, pipeline_parity
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.preprocessing import postprocessing_parity
from pytest_onnxaccel.preprocessing.inputs.model_outputs import CONTENTS, SCENES, generated
from pytest_onnxaccel.preprocessing.pipeline import compare_pipelines

F = np.float32
OUTPUTS = [("boxes", (1, 60, 4)), ("probabilities", (1, 60, 2))]
MODELS = Path(os.environ.get("ONNXACCEL_MODELS", "models")) / "ulfd"


def overlap(box, others):
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    inner = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    return inner / np.maximum(np.prod(box[2:] - box[:2]) + areas - inner, 1e-9)


def detections(threshold=0.5, limit=0.45, backwards=False):
    def function(boxes, scores):
        boxes, scores = boxes[0], scores[0, :, 1]
        boxes, scores = boxes[scores > threshold], scores[scores > threshold]
        kept = []
        for at in np.argsort(-scores, kind="stable"):
            if not kept or overlap(boxes[at], boxes[kept]).max() <= limit:
                kept.append(int(at))
        kept = kept[::-1] if backwards else kept
        return {"boxes": boxes[kept], "scores": scores[kept]}

    return function


def test_the_order_of_detections_is_open() -> None:
    report = postprocessing_parity(detections(), detections(backwards=True), outputs=OUTPUTS)
    assert report.proof.standard == 32
    with pytest.raises(CheckFailure):
        postprocessing_parity(detections(), detections(backwards=True), outputs=OUTPUTS, unordered=False)


@pytest.mark.parametrize(
    ("candidate", "kind"),
    [
        (detections(limit=0.5), "shape"),
        (detections(threshold=0.6), "shape"),
        (lambda b, s: {**detections()(b, s), "scores": detections()(b, s)["scores"] * F(0.99)}, "scale"),
        (lambda b, s: {**detections()(b, s), "boxes": detections()(b, s)["boxes"][:, [1, 0, 3, 2]]}, "layout"),
    ],
)
def test_another_threshold_or_order_is_found(candidate, kind) -> None:
    with pytest.raises(CheckFailure) as caught:
        postprocessing_parity(detections(), candidate, outputs=OUTPUTS)
    assert caught.value.report.kind in (kind, "other"), str(caught.value)


def test_maps_of_labels_and_dicts() -> None:
    wanted = {"logits": ("logits", (1, 5, 6, 7))}
    report = postprocessing_parity(
        lambda out: out["logits"].argmax(1), lambda out: np.argmax(out["logits"], axis=1), outputs=wanted,
        unordered=False,
    )  # fmt: skip
    assert report.equivalent
    with pytest.raises(CheckFailure):
        postprocessing_parity(
            lambda out: out["logits"].argmax(1), lambda out: out["logits"].argmin(1), outputs=wanted, unordered=False
        )


def test_outputs_are_legal() -> None:
    for content in CONTENTS:
        shape = (1, 30, 4)
        for number, (sample,) in enumerate(generated([(content, shape)])):
            assert sample.shape == shape
            if content == "boxes":
                assert (sample[..., 2:] >= sample[..., :2]).all()
                beyond = SCENES[number % len(SCENES)] == "beyond"
                assert (sample.min() < 0 or sample.max() > 1) == beyond
            if content == "probabilities":
                assert np.allclose(sample.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("outputs", [None, [], "boxes", [("box", (1, 4))], [("boxes", (1, 3))], [("boxes", (0, 4))]])
def test_outputs_that_cannot_be_used(outputs) -> None:
    with pytest.raises(ConfigError):
        postprocessing_parity(detections(), detections(), outputs=outputs)


def test_refusing_all_is_never_a_pass() -> None:
    with pytest.raises(CheckFailure, match="V_NOTJUDGED"):
        postprocessing_parity(lambda b: b, lambda b: b, outputs=OUTPUTS)


def before(image):
    return (image[:8, :8].astype(F) - 127) / 128


def model(x):
    return x.mean(), x.reshape(-1)[:5]


def after(mean, values):
    return {"label": int(mean > 0), "top": values * 2}


PLACES = {
    "preprocess": lambda im: (im[:8, :8, ::-1].astype(F) - 127) / 128,
    "model": lambda x: (x.mean(), x.reshape(-1)[5:10]),
    "postprocess": lambda mean, values: {"label": int(mean > 0.2), "top": values * 2},
}


@pytest.mark.parametrize("stage", PLACES)
def test_the_stage_that_differs_first_is_named(stage) -> None:
    stages = {"preprocess": before, "model": model, "postprocess": after}
    found = compare_pipelines(tuple(stages.values()), tuple({**stages, stage: PLACES[stage]}.values()), shape=(9, 9, 3),
                              shapes=[(9, 9), (12, 8)])  # fmt: skip
    assert found.stage == stage, str(found)
    assert stage in found.sentence
    if stage == "preprocess":
        assert found.within is not None
        assert found.within.kind == "channel-swap"


def test_equal_pipelines_pass_and_uneven_ones_are_refused() -> None:
    assert pipeline_parity((before, model, after), (before, model, after), examples=3).report.equivalent
    with pytest.raises(ConfigError, match="pipelines of 3 and 2 stages"):
        pipeline_parity((before, model, after), (before, model))


@pytest.mark.skipif(not MODELS.exists(), reason="the real models are not here")
def test_a_real_detector_end_to_end() -> None:
    path = next(MODELS.rglob("*RFB-320.onnx"))

    def prepared(image):
        return ((image.astype(F) - 127) / 128).transpose(2, 0, 1)[None]

    def careless(image):
        return ((image - np.uint8(127)).astype(F) / 128).transpose(2, 0, 1)[None]

    def decoded(scores, boxes):
        good = scores[0, :, 1] > 0.05
        return {"boxes": boxes[0][good], "scores": scores[0, good, 1]}

    settings = {"shape": (240, 320, 3), "shapes": [(240, 320)], "examples": 2, "atol": 1e-4}
    same = pipeline_parity((prepared, path, decoded), (lambda im: prepared(im).copy(), path, decoded), **settings)
    assert same.report.equivalent
    with pytest.raises(CheckFailure) as caught:
        pipeline_parity((prepared, path, decoded), (careless, path, decoded), **settings)
    assert caught.value.report.stage == "preprocess"
    assert caught.value.report.within.kind == "wraparound"
