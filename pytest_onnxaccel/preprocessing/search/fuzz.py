"""Looks for samples on which two functions differ: corpus, own samples, standard and large images, proof, fuzzing."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core import progress
from pytest_onnxaccel.core.errors import ConfigError, OnnxAccelError
from pytest_onnxaccel.preprocessing.guarded_call import DEEP, Failure, Pair, call, name_of
from pytest_onnxaccel.preprocessing.inputs.domain import Domain
from pytest_onnxaccel.preprocessing.inputs.forms import Raw
from pytest_onnxaccel.preprocessing.report import Proof, picture
from pytest_onnxaccel.preprocessing.results.leaves import Leaves
from pytest_onnxaccel.preprocessing.search import corpus as corpora
from pytest_onnxaccel.preprocessing.search.exhaustive import exhaustive
from pytest_onnxaccel.preprocessing.search.file_variants import variants
from pytest_onnxaccel.preprocessing.search.found import SMALL, Found, decisive
from pytest_onnxaccel.preprocessing.search.large_images import BUDGET_S, CLOCK_S, around_target, of_cameras
from pytest_onnxaccel.preprocessing.search.standard_images import faint, standard_images
from pytest_onnxaccel.preprocessing.search.texts import TEXTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Largest side of the images that hypothesis draws where any size is legal.
FUZZ_SIDE = 40


def is_strategy(images: Any) -> bool:
    """Return whether *images* is a hypothesis strategy."""
    return hasattr(images, "map") and hasattr(images, "filter") and hasattr(images, "example")


def given_images(images: Any) -> list[Any]:
    """Return the user's own samples: arrays as they are, all else as :class:`Raw`.

    Raises:
        ConfigError: not a list, or arrays of several element types.
    """
    if images is None or is_strategy(images):
        return []
    if isinstance(images, (np.ndarray, str, bytes)) or not isinstance(images, Iterable):
        raise ConfigError(f"images is {type(images).__name__}; give a list of samples or a hypothesis strategy")
    samples = [_sample(image) for image in images]
    if not samples:
        raise ConfigError("images is empty", remedy="give at least one sample, or leave images out")
    if len({sample.dtype for sample in samples if isinstance(sample, np.ndarray)}) > 1:
        raise ConfigError("images are of several dtypes", remedy="compare once per dtype")
    return samples


def _sample(image: Any) -> Any:
    if isinstance(image, np.ndarray) and image.dtype.kind in "iufb" and 1 <= image.ndim <= 4 and image.size:
        return image
    return Raw(image, image if isinstance(image, str) else type(image).__name__)


def _noun(inputs: Any, domain: Domain) -> str:
    """Return what is compared, in a word."""
    if inputs in ("signal", "table", "batch", "text"):
        return str(inputs)
    return "image" if domain.height and inputs != "list" else "sample"


class Search:
    """Looks for samples that fail, and counts what it tried."""

    def __init__(
        self,
        pair: Pair,
        given: list[Any],
        strategy: Any,
        examples: int,
        seed: int | None,
        corpus: Any,
        inputs: Any = "array",
    ) -> None:
        self._pair, self._given, self._strategy = pair, given, strategy
        self._examples, self._seed, self._corpus, self._inputs = examples, seed, corpus, inputs
        self._first: tuple[Any, Leaves] | None = None
        self._large = 0
        self.proof = Proof(noun=_noun(inputs, pair.domain))
        #: What hypothesis says of its run.
        self.statistics: list[str] = []
        self.found: list[Found] = []
        self.chosen: Found | None = None

    @property
    def found_on(self) -> str:
        """The sample of the failure that is told, in words."""
        return self.chosen.words if self.chosen else ""

    def run(self) -> Failure | None:
        """Return the failure that is told; None where there is none."""
        self._fixed()
        if not self.found and self._pair.domain.height:
            self._exhaustive()
        if not self.found:
            self._fuzz()
        self.proof = replace(
            self.proof, refused=len(self._pair.refused), never=self._pair.coverage.never() if not self.found else ()
        )
        self.chosen = decisive(self.found) if self.found else None
        return self.chosen.failure if self.chosen else None

    def _try(self, words: str, image: Any, count: str) -> None:
        """Examine one sample; count it where it could be compared."""
        refused = len(self._pair.refused)
        size = image.size if isinstance(image, np.ndarray) else 0
        self._large += size > DEEP
        failure = self._pair.examine(image, deep=size <= DEEP or self._large == 1)
        if len(self._pair.refused) == refused:
            self.proof = replace(self.proof, **{count: getattr(self.proof, count) + 1})
        if failure:
            self.found.append(Found(words, failure, count == "replayed"))
        elif self._first is None:
            self._keep(image)

    def _keep(self, image: Any) -> None:
        """Keep the candidate's result on its first image, to ask for it again at the end."""
        leaves = call(self._pair.candidate, image).leaves
        if leaves is not None:
            kept = {path: array.copy() for path, array in leaves.arrays.items()}
            self._first = image, Leaves(kept, leaves.weak, leaves.names)

    def _fixed(self) -> None:
        if self._pair.domain.height:
            self._keep(faint(self._pair.domain).render())
        for count, words, image in self._images():
            self._try(words, image, count)
        if not self._certain():
            self._large_images()
        if not self.found:
            self._files()
        # state that builds up over the calls shows on the first image, met again
        if not self.found and self._first is not None:
            self._drifted(*self._first)

    def _images(self) -> Iterator[tuple[str, str, Any]]:
        domain = self._pair.domain
        if self._corpus is not None and domain.height:
            for path, image in corpora.load(Path(self._corpus), domain):
                yield "replayed", f"{path.name} of the corpus", image
        for index, image in enumerate(self._given):
            yield "standard", f"images[{index}]", image
        if self._inputs == "text":
            for text in TEXTS:
                yield "standard", f"the text {text[:40]!r}", Raw(text, text)
        if domain.height:
            for program in standard_images(domain):
                yield "standard", str(program), program.render()

    def _certain(self) -> bool:
        """Return whether what was found so far is enough: large differences on many images."""
        large = [one for one in self.found if one.failure.stage != "values" or one.failure.share > 2 * SMALL]
        return 3 * len(large) > self.proof.standard

    def _large_images(self) -> None:
        """Try images around the size of the results and at the sizes of cameras, as long as time is left."""
        domain, coverage = self._pair.domain, self._pair.coverage
        if not domain.height:
            return
        end, clock = time.process_time() + BUDGET_S, time.perf_counter() + CLOCK_S
        programs = [*around_target(domain, coverage), *of_cameras(domain)]
        for program in dict.fromkeys(programs):
            if time.process_time() > end or time.perf_counter() > clock:
                sizes = dict.fromkeys(f"{p.height}x{p.width}" for p in programs[programs.index(program) :])
                coverage.skipped.append(f"no time for images of {', '.join(sizes)}")
                return
            self._try(str(program), program.render(), "standard")

    def _files(self) -> None:
        """Try files that decoders treat otherwise; such a difference is one of its own kind."""
        for words, kind, sample in variants(self._inputs, self._pair.domain):
            before = len(self.found)
            self._try(words, sample, "standard")
            if len(self.found) > before:
                one = self.found[-1]
                told = f"{kind}: " if not self.found[:-1] else ""
                self.found[-1] = Found(
                    words, replace(one.failure, note=f"{told}{words}; {one.failure.note}".strip("; "))
                )
                return

    def _drifted(self, image: Any, leaves: Leaves) -> None:
        now = call(self._pair.candidate, image).leaves
        if now is not None and self._pair.compared(image, leaves, now) is None:
            return
        value, again = leaves.alone, None if now is None else now.alone
        failure = Failure("determinism", image, value, again, note="after other images")
        self.found.append(Found("the first image, after all the others", failure))

    def _exhaustive(self) -> None:
        label, failure = exhaustive(self._pair)
        self.proof = replace(self.proof, exhaustive=label)
        if failure:
            self.found.append(Found("all colours", failure))

    def _fuzz(self) -> None:
        if self._examples < 1 or (not self._pair.domain.height and self._strategy is None):
            return
        try:
            from pytest_onnxaccel.strategies import find_failing, image_programs
        except OnnxAccelError:
            return
        domain = self._pair.domain
        failures: list[Failure] = []

        tries = itertools.count(1)

        def fails(drawn: Any) -> bool | float | None:
            progress.tell(f"image {next(tries)}, at most {self._examples} and smaller ones of a failure")
            sample = drawn.render() if hasattr(drawn, "render") else _sample(drawn)
            refused = len(self._pair.refused)
            failure = self._pair.examine(sample)
            failures.extend([failure] if failure else [])
            if failure:
                return True
            return None if len(self._pair.refused) > refused else self._pair.nearness

        strategy = self._strategy
        if strategy is None:
            shapes = domain.strategy if domain.strategy is not None else domain.sizes or "any"
            span = None if domain.low is None or domain.high is None else (domain.low, domain.high)
            strategy = image_programs(shapes, domain.channels, domain.dtype, True, FUZZ_SIDE, span)
            if domain.sizes is None:
                strategy = strategy.map(lambda one: one.at(*domain.fitted((one.height, one.width))))
        key = f"{name_of(self._pair.reference)} {name_of(self._pair.candidate)}"
        found, tried = find_failing(
            fails,
            strategy,
            examples=self._examples,
            seed=self._seed,
            key=key,
            statistics=self.statistics.append,
        )
        self.proof = replace(self.proof, fuzzed=tried)
        if found is None or not failures:
            return
        words = picture(found) if isinstance(found, np.ndarray) else str(found)[:80]
        self.found.append(Found(f"fuzzed {words}", failures[-1]))
