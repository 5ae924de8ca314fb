"""The torch detectors: like the published models, and well-behaved with seeded weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from fixtures.running import run

torch = pytest.importorskip("torch")
detectors = pytest.importorskip("fixtures.detectors")

BUILDERS = [detectors.build_rfb, detectors.build_slim]
Builder = Callable[..., torch.nn.Module]
each_detector = pytest.mark.parametrize("build", BUILDERS, ids=["rfb", "slim"])


def images(batch: int, seed: int = 0) -> np.ndarray:
    """Nx3x240x320 float32 in -1..1."""
    return np.random.default_rng(seed).uniform(-1, 1, (batch, *detectors.INPUT_SHAPE)).astype(np.float32)


def outputs(model: torch.nn.Module, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with torch.no_grad():
        scores, boxes = model(torch.from_numpy(batch))
    return scores.numpy(), boxes.numpy()


@pytest.fixture(scope="module")
def published() -> Path:
    """The folder of the published Ultra-Light-Fast files."""
    root = os.environ.get("ONNXACCEL_MODELS")
    folder = Path(root or "") / "ulfd"
    if not root or not folder.is_dir():
        pytest.skip("ONNXACCEL_MODELS names no folder with ulfd/ in it")
    return folder


@pytest.mark.parametrize(
    ("build", "stem"),
    [(BUILDERS[0], "version-RFB-320"), (BUILDERS[1], "version-slim-320")],
    ids=["rfb", "slim"],
)
def test_agrees_with_the_published_onnx_file(build: Builder, stem: str, published: Path) -> None:
    model = build(published / f"{stem}.pth")
    reference = onnx.load(published / f"{stem}.onnx")
    for seed in range(3):
        batch = images(1, seed)
        expected = run(reference, {"input": batch})
        for name, got in zip(("scores", "boxes"), outputs(model, batch), strict=True):
            assert got.dtype == np.float32
            np.testing.assert_allclose(got, expected[name], rtol=0, atol=1e-6, err_msg=name)


@each_detector
def test_a_state_dict_survives_saving_and_strict_loading(build: Builder, tmp_path: Path) -> None:
    seeded = build(seed=3)
    torch.save(seeded.state_dict(), tmp_path / "weights.pth")
    loaded = build(tmp_path / "weights.pth")
    assert not loaded.training
    for a, b in zip(outputs(seeded, images(1)), outputs(loaded, images(1)), strict=True):
        np.testing.assert_array_equal(a, b)


@each_detector
def test_a_state_dict_with_a_key_too_few_is_refused(build: Builder, tmp_path: Path) -> None:
    state = build().state_dict()
    del state["base_net.7.shortcut.bn.weight" if build is BUILDERS[0] else "base_net.7.4.weight"]
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(RuntimeError, match="Missing key"):
        build(tmp_path / "weights.pth")


@each_detector
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_seeded_outputs_are_spread_and_finite(build: Builder, seed: int) -> None:
    scores, boxes = outputs(build(seed=seed), images(2))
    assert scores.shape == (2, 4420, 2)
    assert boxes.shape == (2, 4420, 4)
    faces = scores[..., 1]
    assert 0.01 < faces.min() < 0.3
    assert 0.7 < faces.max() < 0.99
    assert faces.std() > 0.1
    np.testing.assert_allclose(scores.sum(axis=2), 1, atol=1e-6)
    assert np.isfinite(boxes).all()
    assert np.abs(boxes).max() < 3
    assert (boxes[..., 2:] > boxes[..., :2]).all()
    assert np.abs(faces[0] - faces[1]).max() > 0.1, "the outputs hardly depend on the input"


@each_detector
def test_the_seed_alone_decides(build: Builder) -> None:
    torch.manual_seed(1)
    first = build(seed=5).state_dict()
    torch.manual_seed(2)
    second, other = build(seed=5).state_dict(), build(seed=6).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["base_net.0.0.weight"], other["base_net.0.0.weight"])


@each_detector
def test_samples_of_a_batch_are_independent(build: Builder) -> None:
    model, batch = build(), images(3)
    together = outputs(model, batch)
    for index in range(3):
        for all_of_them, alone in zip(together, outputs(model, batch[index : index + 1]), strict=True):
            np.testing.assert_allclose(all_of_them[index], alone[0], rtol=0, atol=1e-5)


@each_detector
def test_batch_norms_have_statistics_of_their_own(build: Builder) -> None:
    norms = [layer for layer in build().modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert norms
    for norm in norms:
        assert norm.running_mean.abs().max() > 0.01
        assert (norm.running_var - 1).abs().max() > 0.01
        assert norm.running_var.min() > 0.5
