"""Every method on every module of the corpus, each candidate proven or refuted, and the shipped detectors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.rebatch.rebatch import METHODS, diagnose, methods, rebatch
from suites.rebatch.cases import Case, export, torch_results
from suites.rebatch.corpus import BAKED, CASES, MIXING
from suites.rebatch.proof import Original, prove, session

SIZES = (1, 3, 10, 16)
PROVEN, WRONG, NOT_APPLICABLE = "proven", "wrong", "n/a"
MODELS = os.environ.get("ONNXACCEL_MODELS", "")
DETECTORS = ("version-RFB-320", "version-slim-320", "version-RFB-320_simplified")
#: Neither dims nor rewrite can be right: the graph squeezes the batch away or picks samples by number.
COPIES_ONLY = {"squeezed_and_back", "arange_rows", "arange_rows_new", "slice_assigned", "first_only"}


@dataclass
class Outcome:
    """What became of one model: verdict and reason by method."""

    worth: list[str]
    verdicts: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def proven(self) -> list[str]:
        return [m for m, verdict in self.verdicts.items() if verdict == PROVEN]


def judge(path: Path, folder: Path) -> Outcome:
    """Every method at every size; a method is proven when it is right at all sizes."""
    original = Original(path, max(SIZES))
    outcome = Outcome(methods(str(path)))
    target = folder / "candidate.onnx"
    for method in METHODS:
        outcome.verdicts[method] = PROVEN
        for n in SIZES:
            try:
                done = rebatch(str(path), str(target), n, method)
            except ModelError as error:
                if error.code != "V_BATCH":
                    raise
                outcome.verdicts[method], outcome.reasons[method] = NOT_APPLICABLE, error.cause
                break
            wrong = prove(original, target, n, done["outputs"])
            if wrong:
                outcome.verdicts[method], outcome.reasons[method] = WRONG, f"at {n}: {wrong}"
                break
    return outcome


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Path]:
    """Exports a module once, however many tests ask for it."""
    folder = tmp_path_factory.mktemp("corpus")
    return lru_cache(maxsize=None)(lambda item: export(item, folder))


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, Outcome]]:
    """Fills up while the tests run; the table is printed at the end (see it with ``-s``)."""
    found: dict[str, Outcome] = {}
    yield found
    print(f"\n\n{'model':28}" + "".join(f"{m:9}" for m in METHODS) + "worth trying")
    for name, outcome in found.items():
        print(f"{name:28}" + "".join(f"{outcome.verdicts[m]:9}" for m in METHODS) + " ".join(outcome.worth))
    for verdict in (PROVEN, WRONG, NOT_APPLICABLE):
        counts = (sum(o.verdicts[m] == verdict for o in found.values()) for m in METHODS)
        print(f"{verdict + ' of ' + str(len(found)):28}" + "".join(f"{c:<9}" for c in counts))


@pytest.mark.parametrize("item", CASES, ids=lambda item: item.name)
def test_module(item: Case, outcomes: dict[str, Outcome], exported: Callable[[Case], Path], tmp_path: Path) -> None:
    path = exported(item)
    outcome = outcomes[f"{item.name} ({'dynamo' if item.dynamo else 'script'})"] = judge(path, tmp_path)
    verdicts, reasons = outcome.verdicts, outcome.reasons
    assert verdicts["fixed"] == NOT_APPLICABLE
    assert verdicts["scan"] == PROVEN, reasons
    assert verdicts["unroll"] == PROVEN, reasons
    # Editing is right wherever a sample does not meet another one, and is never taken for right elsewhere
    edited = {"dims", "rewrite"} & set(outcome.proven)
    if item.name in MIXING or item.name in COPIES_ONLY:
        assert not edited
    else:
        assert edited, reasons
        assert verdicts["rewrite"] == PROVEN, reasons
        assert outcome.worth[0] in edited
    if item.name in MIXING:
        assert diagnose(str(path))


@pytest.mark.parametrize("item", [c for c in CASES if c.name not in BAKED | MIXING], ids=lambda item: item.name)
@pytest.mark.parametrize("method", ["rewrite", "scan"])
def test_candidate_agrees_with_torch_at_the_larger_batch(
    item: Case, method: str, exported: Callable[[Case], Path], tmp_path: Path
) -> None:
    """A yardstick of its own for the joins: where the batch of an output belongs, torch says."""
    if method == "rewrite" and item.name in COPIES_ONLY:
        pytest.skip("no edit is right for this module")
    path, target = exported(item), tmp_path / "candidate.onnx"
    rebatch(str(path), str(target), 3, method)
    inputs, wanted = torch_results(item, 3)
    run = session(target)
    got = run.run(None, dict(zip([v.name for v in run.get_inputs()], inputs, strict=True)))
    assert [g.shape for g in got] == [w.shape for w in wanted]
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_corpus_is_large_and_mixed() -> None:
    assert len(CASES) >= 30
    assert 0.4 <= sum(item.dynamo for item in CASES) / len(CASES) <= 0.6


@pytest.mark.skipif(not MODELS, reason="ONNXACCEL_MODELS names no folder of models")
@pytest.mark.parametrize("name", DETECTORS)
def test_detector(name: str, outcomes: dict[str, Outcome], tmp_path: Path) -> None:
    path = Path(MODELS) / "ulfd" / f"{name}.onnx"
    outcome = outcomes[name] = judge(path, tmp_path)
    simplified = name.endswith("_simplified")
    assert outcome.worth[0] == ("rewrite" if simplified else "dims")
    assert outcome.verdicts["dims"] == (WRONG if simplified else PROVEN), outcome.reasons
    assert {"rewrite", "scan", "unroll"} <= set(outcome.proven), outcome.reasons


@pytest.mark.skipif(not MODELS, reason="ONNXACCEL_MODELS names no folder of models")
def test_simplified_detector_runs_with_dims_alone_and_is_refuted_by_its_shape(tmp_path: Path) -> None:
    path = Path(MODELS) / "ulfd" / "version-RFB-320_simplified.onnx"
    target = tmp_path / "candidate.onnx"
    done = rebatch(str(path), str(target), 10, "dims")
    assert "shape (1, 44200, 2), not (10, 4420, 2)" in prove(Original(path, 10), target, 10, done["outputs"])
    holds = diagnose(str(path))
    assert len(holds) == 8
    assert {h["op"] for h in holds} == {"Reshape"}
    assert "[1, -1, 2]" in str(holds[0]["why"])
