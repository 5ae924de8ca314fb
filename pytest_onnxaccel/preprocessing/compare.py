"""The comparison itself: battery, exhaustive proof, fuzzing; then the smallest image and the kind of the difference."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.errors import CheckFailure
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.preprocessing.differences import Bound
from pytest_onnxaccel.preprocessing.domain import Domain
from pytest_onnxaccel.preprocessing.failure_figures import first_difference, worst
from pytest_onnxaccel.preprocessing.guarded_call import Failure, Function, Pair, name_of
from pytest_onnxaccel.preprocessing.report import Report
from pytest_onnxaccel.preprocessing.search import standard_images as corpora
from pytest_onnxaccel.preprocessing.search.fuzz import Search, given_images
from pytest_onnxaccel.preprocessing.search.shrink import Shrinker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def assert_equivalent(reference: Function, candidate: Function, **arguments: Any) -> Report:
    """Run :func:`compare` with the same arguments and raise where the two differ; return the report.

    Raises:
        CheckFailure: the two differ, nothing could be compared (``V_NOTJUDGED``), or ``faster=`` was asked and is
            refuted. ``.report`` is the report.
        ConfigError: see :func:`compare`.
    """
    report = compare(reference, candidate, **arguments)
    if report.verdict is Verdict.FAILED or not report.equivalent:
        raise CheckFailure(report, report)
    return report


def compare(  # noqa: PLR0913 - called by users, who give each by its name
    reference: Function,
    candidate: Function,
    *,
    shape: tuple[int, ...] = (240, 320, 3),
    shapes: Any = "any",
    images: Any = None,
    tolerance: float | Mapping[str, float] = 4,
    layout: str = "any",
    faster: float | None = None,
    seed: int = 0,
    examples: int = 100,
    derandomize: bool = True,
    corpus: str | Path | None = None,
) -> Report:
    """Compare *candidate* with *reference* on many images.

    Args:
        reference: what training used: one image in, one array out. Called on images of *shape* and *shapes*.
        candidate: what is deployed. May give its input's own memory back, may not write into it.
        shape: the deployed shape, ``(H, W, channels)`` or ``(H, W)``.
        shapes: the other legal sizes: ``"any"``, a list of ``(H, W)``, or a hypothesis strategy of them.
        images: images of your own: a list of arrays, tried first, whose dtype is then the legal one (uint8 without);
            or a hypothesis strategy, used in place of the image programs.
        tolerance: for floats, in ULP of the reference's largest magnitude; integers are exact. Or
            ``{"atol": ..., "rtol": ...}`` for every type.
        layout: memory of the candidate's result: ``"any"``, ``"C"`` (contiguous), ``"same"`` (the reference's strides).
        faster: least speed-up, judged after equivalence.
        seed: of the battery's noise, of the fuzzing, and of the timing.
        examples: images that hypothesis draws; 0 for none.
        derandomize: draw the same images in each run (by *seed*); else others each time.
        corpus: folder of reduced images as ``.npz``: replayed first; what fails is added.

    Raises:
        ConfigError: an argument cannot be used, or a function gives something other than an array.
    """
    start = time.perf_counter()
    given = given_images(images)
    pair = Pair(
        reference,
        candidate,
        Domain.of(shape, shapes, str(given[0].dtype) if given else "uint8"),
        Bound.of(tolerance),
        layout,
    )
    search = Search(pair, given, None if given else images, examples, seed if derandomize else None, corpus)
    failure = search.run()
    report = _found(pair, failure, search, corpus) if failure else _equivalent(pair, search)
    if report.equivalent and faster is not None:
        from pytest_onnxaccel.preprocessing.speed.verdict import judge_speed

        timings = judge_speed(reference, candidate, faster, shape, seed, dtype=pair.domain.dtype)
        both = {report.verdict, timings.verdict}
        verdict = next((v for v in (Verdict.FAILED, Verdict.INCONCLUSIVE) if v in both), Verdict.PASSED)
        report = replace(report, timings=timings, verdict=verdict)
    return replace(report, seconds=time.perf_counter() - start)


def _equivalent(pair: Pair, search: Search) -> Report:
    proof = search.proof
    compared = proof.battery + proof.replayed + proof.fuzzed
    decided = compared > 0 and proof.battery + proof.replayed > 0
    sentence = f"no difference on {compared} images" + (
        f", and {proof.exhaustive} tried" if not proof.exhaustive.startswith("none") else ""
    )
    if not decided:
        sentence = f"both functions refuse every standard image: {pair.refused[0] if pair.refused else ''}"
    verdict = Verdict.PASSED if decided else Verdict.INCONCLUSIVE
    return Report(
        decided, None, sentence, verdict, name_of(pair.reference), name_of(pair.candidate), str(pair.bound), proof
    )


def _found(pair: Pair, failure: Failure, search: Search, corpus: str | Path | None) -> Report:
    from pytest_onnxaccel.preprocessing.diagnosis.diagnose import diagnose

    kind, sentence = diagnose(pair, failure)
    floor = failure.size * 1e-3
    deep = failure.stage in ("aliasing", "determinism")

    # a function that differs now and then is given a few chances to do so
    chances = 8 if failure.stage == "determinism" else 1

    def fails(image: Array) -> bool:
        for _ in range(chances):
            seen = pair.examine(image, deep)
            if seen is not None and seen.stage == failure.stage and seen.size >= floor:
                return True
        return False

    minimal = Shrinker(fails, pair.domain).shrink(failure.image)
    smallest = next((seen for _ in range(chances) if (seen := pair.examine(minimal, deep))), failure)
    if smallest.stage != failure.stage:
        smallest = failure
    if corpus is not None:
        corpora.add(Path(corpus), smallest.image, kind)
    return Report(
        False,
        kind,
        sentence,
        Verdict.FAILED,
        name_of(pair.reference),
        name_of(pair.candidate),
        str(pair.bound),
        search.proof,
        smallest.image,
        first_difference(pair, smallest),
        worst(pair, failure),
        failure.stage,
        search.found_on,
        (smallest.reference, smallest.candidate),
    )
