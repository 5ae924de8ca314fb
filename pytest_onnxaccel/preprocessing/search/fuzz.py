"""Looks for an image on which two functions differ: corpus, own images, battery, exhaustive proof, fuzzing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core import progress
from pytest_onnxaccel.core.errors import ConfigError, OnnxAccelError
from pytest_onnxaccel.preprocessing.guarded_call import DEEP, Failure, Pair, call
from pytest_onnxaccel.preprocessing.report import Proof, picture
from pytest_onnxaccel.preprocessing.search import standard_images as corpora
from pytest_onnxaccel.preprocessing.search.exhaustive import exhaustive
from pytest_onnxaccel.preprocessing.search.standard_battery import battery

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Largest side of the images that hypothesis draws where any size is legal.
FUZZ_SIDE = 40


def given_images(images: Any) -> list[Array]:
    """Return the user's own images as arrays; empty where *images* is None or a strategy."""
    if images is None or (hasattr(images, "map") and hasattr(images, "filter")):
        return []
    if isinstance(images, np.ndarray) or not isinstance(images, Iterable):
        raise ConfigError(f"images is {type(images).__name__}; give a list of arrays or a hypothesis strategy")
    arrays = [np.asarray(image) for image in images]
    if len({array.dtype for array in arrays}) > 1:
        raise ConfigError("images are of several dtypes", remedy="compare once per dtype")
    return arrays


class Search:
    """Looks for an image that fails, and counts what it tried."""

    def __init__(
        self, pair: Pair, given: list[Array], strategy: Any, examples: int, seed: int | None, corpus: Any
    ) -> None:
        self._pair, self._given, self._strategy = pair, given, strategy
        self._examples, self._seed, self._corpus = examples, seed, corpus
        self.proof = Proof()
        self.found_on = ""

    def run(self) -> Failure | None:
        """Return the first failure: corpus, own images, battery, exhaustive proof, fuzzing."""
        failure = self._fixed() or self._exhaustive() or self._fuzz()
        self.proof = replace(self.proof, refused=len(self._pair.refused))
        return failure

    def _fixed(self) -> Failure | None:
        battery_size = replayed = 0
        first: tuple[Array, Array] | None = None
        failure: Failure | None = None
        large = 0
        for part, words, image in self._images():
            refused = len(self._pair.refused)
            large += image.size > DEEP
            failure = self._pair.examine(image, deep=image.size <= DEEP or large == 1)
            counts = len(self._pair.refused) == refused
            battery_size += counts and part == "battery"
            replayed += counts and part == "replayed"
            self.proof = replace(self.proof, battery=battery_size, replayed=replayed)
            if failure:
                self.found_on = words
                return failure
            if first is None and (value := call(self._pair.candidate, image).value) is not None:
                first = image, value.copy()
        # state that builds up over the calls shows on the first image, met again
        if first is not None and (failure := self._drifted(*first)):
            self.found_on = "the first image, after all the others"
        return failure

    def _images(self) -> Iterator[tuple[str, str, Array]]:
        if self._corpus is not None:
            for path, image in corpora.load(Path(self._corpus), self._pair.domain):
                yield "replayed", f"{path.name} of the corpus", image
        for index, image in enumerate(self._given):
            yield "battery", f"images[{index}]", image
        for program in battery(self._pair.domain):
            yield "battery", str(program), program.render()

    def _drifted(self, image: Array, value: Array) -> Failure | None:
        now = call(self._pair.candidate, image).value
        if now is not None and self._pair.judge(image, value, now) is None:
            return None
        return Failure("determinism", image, value, now, note="after other images")

    def _exhaustive(self) -> Failure | None:
        label, failure = exhaustive(self._pair)
        self.proof = replace(self.proof, exhaustive=label)
        self.found_on = "all colours" if failure else ""
        return failure

    def _fuzz(self) -> Failure | None:
        if self._examples < 1:
            return None
        try:
            from pytest_onnxaccel.strategies import find_failing, image_programs
        except OnnxAccelError:
            return None
        domain = self._pair.domain
        failures: list[Failure] = []

        tries = count(1)

        def fails(drawn: Any) -> bool:
            progress.tell(f"image {next(tries)}, at most {self._examples} and smaller ones of a failure")
            failure = self._pair.examine(drawn if isinstance(drawn, np.ndarray) else drawn.render())
            failures.extend([failure] if failure else [])
            return failure is not None

        strategy = self._strategy
        if strategy is None:
            shapes = domain.strategy if domain.strategy is not None else domain.sizes or "any"
            strategy = image_programs(shapes, domain.channels, domain.dtype, True, FUZZ_SIDE)
        refused = len(self._pair.refused)
        found, tried = find_failing(fails, strategy, examples=self._examples, seed=self._seed)
        self.proof = replace(self.proof, fuzzed=tried - (len(self._pair.refused) - refused))
        if found is None or not failures:
            return None
        self.found_on = f"fuzzed {picture(found) if isinstance(found, np.ndarray) else found}"
        return failures[-1]
