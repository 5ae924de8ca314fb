"""The comparison: standard images, exhaustive proof, fuzzing; then the smallest image and the kind of difference."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import CheckFailure, ConfigError
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.preprocessing.failure_figures import first_difference, worst
from pytest_onnxaccel.preprocessing.guarded_call import Failure, Function, Pair, name_of
from pytest_onnxaccel.preprocessing.inputs.forms import Raw
from pytest_onnxaccel.preprocessing.inputs.wanted import Wanted
from pytest_onnxaccel.preprocessing.report import Report, counted
from pytest_onnxaccel.preprocessing.results.differences import Bound
from pytest_onnxaccel.preprocessing.search import corpus as corpora
from pytest_onnxaccel.preprocessing.search.found import also
from pytest_onnxaccel.preprocessing.search.fuzz import Search, given_images, is_strategy
from pytest_onnxaccel.preprocessing.search.shrink import Shrinker
from pytest_onnxaccel.preprocessing.side import Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def assert_equivalent(reference: Function, candidate: Function, **arguments: Any) -> Report:
    """Run :func:`compare` with the same arguments and raise unless it passed; return the report.

    Raises:
        CheckFailure: the two differ, nothing could be compared (``V_NOTJUDGED``), or ``faster=`` was asked and is
            refuted or could not be decided. ``.report`` is the report.
        ConfigError: see :func:`compare`.
    """
    report = compare(reference, candidate, **arguments)
    if report.verdict is not Verdict.PASSED:
        raise CheckFailure(report, report)
    return report


def compare(  # noqa: PLR0913 - called by users, who give each by its name
    reference: Function,
    candidate: Function,
    *,
    shape: tuple[int, ...] | None = None,
    shapes: Any = "any",
    images: Any = None,
    tolerance: float | Mapping[str, float] = 4,
    atol: float | None = None,
    rtol: float | None = None,
    ulp: float | None = None,
    levels: float | None = None,
    inputs: Any = None,
    range: tuple[float, float] | None = None,
    dtype: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    reference_arguments: Mapping[str, Any] | None = None,
    candidate_arguments: Mapping[str, Any] | None = None,
    unordered: bool | Sequence[str] = False,
    layout: str = "any",
    faster: float | None = None,
    seed: int = 0,
    examples: int = 100,
    derandomize: bool = True,
    corpus: str | Path | None = None,
) -> Report:
    """Compare *candidate* with *reference* on many images.

    Args:
        reference: what training used: one sample in; an array, a tensor, a PIL image, or a dict, tuple or list of them
            out. Called on samples of *shape* and *shapes*.
        candidate: what is deployed. May give its input's own memory back, may not write into it.
        shape: the deployed shape, ``(H, W, channels)``, ``(H, W)``, ``(samples,)`` or ``(N, H, W, channels)``; that of
            the first of *images*, or ``(240, 320, 3)``.
        shapes: the other legal sizes: ``"any"``, a list of ``(H, W)``, or a hypothesis strategy of them.
        images: samples of your own: a list, tried first. Arrays tell the legal dtype (uint8 without) and range. Or a
            hypothesis strategy, used in place of the image programs.
        tolerance: for floats, in ULP of the reference's largest magnitude; integers are exact. Or some of
            ``{"atol": ..., "rtol": ..., "ulp": ..., "levels": ...}``.
        atol, rtol, ulp, levels: the same, one by one; *levels* is for integers.
        inputs: what the functions are given: ``"array"``, ``"pil"``, ``"bytes"``, ``"jpeg"``, ``"path"``, ``"batch"``,
            ``"list"``, ``"table"``, ``"signal"``, ``"yuv420"``, ``"text"``, or a function of an array (a tuple is
            several arguments).
        range: lowest and highest legal value.
        dtype: NumPy name of the element type.
        arguments: keywords for both functions; *reference_arguments* and *candidate_arguments* for one.
        unordered: results whose rows may come in any order, such as detections: True for all, or their paths.
        layout: memory of the candidate's result: ``"any"``, ``"C"`` (contiguous), ``"same"`` (the reference's strides).
        faster: least speed-up, judged after equivalence.
        seed: of the standard images' noise, of the fuzzing, and of the timing.
        examples: images that hypothesis draws; 0 for none.
        derandomize: draw the same images in each run (by *seed*); else others each time.
        corpus: folder of reduced images as ``.npz``: replayed first; what fails is added.

    Raises:
        ConfigError: an argument cannot be used, or a function gives something that cannot be compared.
    """
    start = time.perf_counter()
    given = given_images(images)
    wanted = Wanted.of(given, images, inputs, shape, shapes, range, dtype)
    both = dict(arguments or {})
    pair = Pair(
        Side(reference, wanted.adapt, both | dict(reference_arguments or {})),
        Side(candidate, wanted.adapt, both | dict(candidate_arguments or {})),
        wanted.domain,
        Bound.of(tolerance, atol=atol, rtol=rtol, ulp=ulp, levels=levels),
        layout,
        unordered,
    )
    strategy = images if is_strategy(images) else None
    search = Search(pair, wanted.given, strategy, examples, seed if derandomize else None, corpus, wanted.inputs)
    failure = search.run()
    report = _found(pair, failure, search, corpus) if failure else _equivalent(pair, search)
    if report.equivalent and faster is not None:
        report = _timed(pair, report, faster, seed, wanted)
    return replace(report, seconds=time.perf_counter() - start, statistics="\n".join(search.statistics))


def _timed(pair: Pair, report: Report, faster: float, seed: int, wanted: Wanted) -> Report:
    """Return *report* with the judgement on *faster*."""
    from pytest_onnxaccel.preprocessing.speed.verdict import judge_speed

    domain = wanted.domain
    if not domain.height:
        raise ConfigError("faster= needs arrays to time", remedy="give images of arrays, or shape=")
    shape = tuple(n for n in (domain.height, domain.width, domain.channels) if n is not None)
    functions = [
        side.function if wanted.adapt is None and not side.arguments else side
        for side in (pair.reference, pair.candidate)
    ]
    span = None if domain.low is None or domain.high is None else (domain.low, domain.high)
    timings = judge_speed(functions[0], functions[1], faster, shape, seed, dtype=domain.dtype, span=span)
    both = {report.verdict, timings.verdict}
    verdict = next((v for v in (Verdict.FAILED, Verdict.INCONCLUSIVE) if v in both), Verdict.PASSED)
    return replace(report, timings=timings, verdict=verdict)


def _equivalent(pair: Pair, search: Search) -> Report:
    proof = search.proof
    compared = proof.standard + proof.replayed + proof.fuzzed
    # Fuzzed samples alone are enough where nothing else was asked for
    decided = proof.standard + proof.replayed > 0 or (proof.fuzzed > 0 and not pair.domain.height)
    sentence = f"no difference on {compared} {counted(compared, proof.noun)}" + (
        f", and {proof.exhaustive} tried" if not proof.exhaustive.startswith("none") else ""
    )
    if not decided:
        why = f": {pair.refused[0]}" if pair.refused else ""
        sentence = f"both functions refuse every sample{why}" if pair.refused else "there was no sample to compare on"
    verdict = Verdict.PASSED if decided else Verdict.INCONCLUSIVE
    return Report(
        decided, None, sentence, verdict, name_of(pair.reference), name_of(pair.candidate), str(pair.bound), proof
    )


def _found(pair: Pair, failure: Failure, search: Search, corpus: str | Path | None) -> Report:
    from pytest_onnxaccel.preprocessing.diagnosis.diagnose import diagnose

    whole, pair = pair, pair.at(failure.path)
    floor = failure.size * 0.02
    deep = failure.stage in ("aliasing", "determinism")

    # a function that differs now and then is given a few chances to do so
    chances = 8 if failure.stage == "determinism" else 1

    def seen_on(image: Any) -> Failure | None:
        found = whole.examine(image, deep)
        return replace(found, path=failure.path) if found is not None and found.path == failure.path else None

    def fails(image: Array) -> bool:
        for _ in range(chances):
            seen = seen_on(image)
            if seen is not None and seen.stage == failure.stage and seen.size >= floor:
                return True
        return False

    smallest = failure
    if isinstance(failure.image, np.ndarray) and pair.domain.height:
        minimal = Shrinker(fails, pair.domain).shrink(failure.image)
        smallest = next((seen for _ in range(chances) if (seen := seen_on(minimal))), failure)
    if smallest.stage != failure.stage:
        smallest = failure
    kind, sentence = diagnose(pair, failure, smallest, search.found, search.proof.noun)
    known = search.chosen is not None and search.chosen.replayed
    if corpus is not None and not known and isinstance(smallest.image, np.ndarray):
        corpora.add(Path(corpus), smallest.image, kind)
    return Report(
        False,
        kind,
        sentence,
        Verdict.FAILED,
        name_of(whole.reference),
        name_of(whole.candidate),
        str(whole.bound),
        search.proof,
        _shown(whole, smallest.image),
        first_difference(whole, smallest),
        worst(whole, failure),
        failure.stage,
        search.found_on,
        (smallest.reference, smallest.candidate),
        path=failure.path,
        also=also(search.found, search.chosen, search.proof.noun) if search.chosen else (),
    )


def _shown(pair: Pair, image: Any) -> Any:
    """Return the sample as the functions get it."""
    adapted = isinstance(image, Raw) or pair.reference.adapt is not None
    return pair.reference.given(image) if adapted else image
