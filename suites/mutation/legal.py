"""Pairs of models that are the same function: an original with seeded weights, and each of its legal variants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from onnx import ModelProto

from fixtures.graphs.residual import residual_classifier
from fixtures.mutations.truth.feed_forward import Truth
from fixtures.variants import Variant, variants_of
from pytest_onnxaccel.backends.protocol import SessionInfo
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import Timing, TimingPlan
from suites.mutation.floor import options_of, save
from suites.mutation.judge import Arrays, Judge

SEEDS = range(1, 51)


def classifiers(seeds: range = SEEDS, heads: bool = True) -> Iterator[tuple[int, ModelProto]]:
    """The classifier with its batch norms, or its feature maps, with other weights for each seed."""
    for seed in seeds:
        yield seed, residual_classifier(seed, heads)


def detectors(seeds: range = SEEDS) -> Iterator[tuple[int, ModelProto]]:
    """RFB-320 with its batch norms left in, with other weights for each seed. Needs torch."""
    import torch

    from fixtures.detectors import build_rfb
    from fixtures.unfolded import export_unfolded, reseeded

    threads = torch.get_num_threads()
    # So small a forward pass costs several times its CPU time when threads wait for each other
    torch.set_num_threads(1)
    try:
        detector = build_rfb()
        model = export_unfolded(detector)
        for seed in seeds:
            yield seed, reseeded(model, detector, seed)
    finally:
        torch.set_num_threads(threads)


class Pairs:
    """The legal candidates of one original."""

    def __init__(self, original: ModelProto, folder: Path) -> None:
        self._model = original
        self._folder = folder
        self.variants = variants_of(original)
        self.judge = Judge(save(original, folder / "original.onnx"))

    def verdict(self, variant: Variant, judge: Judge | None = None) -> CheckResult:
        """What *judge*, or that of these pairs, makes of *variant*."""
        return (judge or self.judge).verdict(self.file(variant), options_of(variant))

    def outputs(self, variant: Variant) -> list[Arrays]:
        """Outputs of *variant*, by sample."""
        return self.judge.outputs(self.file(variant), options_of(variant))

    def exact(self) -> Exact:
        """What the original gives in float64, rounded once: the best that any converter can do."""
        return Exact(self._model)

    def file(self, variant: Variant) -> Path:
        """The variant as a file, which the next one overwrites."""
        return save(variant.rewrite(self._model), self._folder / "variant.onnx")


class Exact:
    """A session that computes a model in float64 and rounds its outputs to float32."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model

    @property
    def info(self) -> SessionInfo:
        return SessionInfo((), ())

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        return {name: array.astype("float32") for name, array in Truth(feeds).run(self._model).items()}

    def time(self, feeds: Mapping[str, NDArray[Any]], plan: TimingPlan) -> Timing:
        raise NotImplementedError("it is not a runtime")

    def close(self) -> None:
        pass
