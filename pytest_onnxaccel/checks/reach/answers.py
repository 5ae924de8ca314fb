"""Outputs that do not answer: equal over samples that differ, or zero everywhere, they prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.sample_numbers import WIDE

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Further samples where outputs do not answer: so many like the first ones, and so many with wide floats.
MORE, WIDER = 3, 2

Run = Callable[[Mapping[str, "Array"]], Mapping[str, "Array"]]


class Answers:
    """Keeps which outputs changed from sample to sample.

    Attributes:
        samples: how many were looked at.
        varied: they were not all the same.
    """

    def __init__(self) -> None:
        self.samples = 0
        self.varied = False
        self._feeds: Mapping[str, Array] = {}
        self._first: dict[str, Array] = {}
        self._answered: set[str] = set()

    def add(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """Add one more sample."""
        self.samples += 1
        if self.samples == 1:
            self._feeds, self._first = feeds, dict(outputs)
            return
        if not all(_same(feeds[name], array) for name, array in self._feeds.items() if name in feeds):
            self.varied = True
        for name, array in outputs.items():
            first = self._first.get(name)
            if name in self._answered or first is None:
                continue
            # Of another length, an output of one number everywhere is still the same
            alike = _same(first, array) if first.shape == array.shape else _flat(first) is not None
            if not alike or (first.shape != array.shape and _flat(first) != _flat(array)):
                self._answered.add(name)

    def silent(self, by_design: frozenset[str] = frozenset()) -> dict[str, str]:
        """Return the outputs that did not answer, and how.

        Without *by_design* ones, which no input reaches, and empty ones.
        """
        found = {}
        for name, array in self._first.items():
            if name in self._answered or name in by_design or not array.size:
                continue
            if _flat(array) == 0:
                found[name] = "is 0 everywhere"
            elif self.varied:
                found[name] = "is the same"
        return found

    def hollow(self, by_design: frozenset[str] = frozenset()) -> bool:
        """Return whether there are outputs that an input could reach, and none of them answers."""
        silent = self.silent(by_design)
        return bool(silent) and not any(
            array.size for name, array in self._first.items() if name not in silent and name not in by_design
        )

    def told(self, silent: Mapping[str, str]) -> str:
        """Describe *silent* outputs in a clause."""
        names = counted([f"output {name!r}" for name in silent], 80)
        how = dict.fromkeys(silent.values())
        return f"{names} {' or '.join(how)} in all {self.samples} samples"


def _same(a: Array, b: Array) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind == "V" or (a.dtype.kind in "fc" and np.isnan(a).any()):
        return a.tobytes() == b.tobytes()
    return bool((a == b).all())  # by number: 0 and -0 are the same


def _flat(array: Array) -> Any:
    """Return the one number that all elements are; None where they differ, or are texts."""
    if array.dtype.kind not in "fiubcV" or not array.size:
        return None
    wide: Any = array.astype(np.float32) if array.dtype.kind == "V" else array
    first = wide.reshape(-1)[0]
    return first.item() if bool((wide == first).all()) else None


def further(inputs: Inputs, first: int) -> Iterator[int]:
    """Return the numbers of the samples to draw where outputs do not answer; those from WIDE on have wide floats.

    Args:
        inputs: those of the check.
        first: number of the next sample. Samples that a person gave are all there are.
    """
    if inputs.files:
        return
    yield from range(first, first + MORE)
    yield from range(WIDE, WIDE + WIDER)


def holding(inputs: Inputs, run: Run, silent: Mapping[str, str]) -> list[str]:
    """Return the inputs that keep the *silent* outputs still: with another value of one of them some output answers.

    Args:
        inputs: those of the check.
        run: the reference.
        silent: outputs that do not answer, with how.
    """
    feeds = inputs.feeds(0)
    plain = run(feeds)
    found = []
    for spec in inputs.specs:
        for other in _others(inputs, spec, feeds[spec.name]):
            try:
                outputs = run({**feeds, spec.name: other})
            except ModelError:
                continue  # no legal value of this input
            if any(name in outputs and not _same(outputs[name], plain[name]) for name in silent):
                found.append(spec.name)
                break
    return found


def _others(inputs: Inputs, spec: TensorSpec, fed: Array) -> Iterator[Array]:
    """Yield other values of one input, of the same shape: drawn by default, then ones, then wide floats."""
    given = tuple(replace(g, values=None, low=None, high=None) if g.name == spec.name else g for g in inputs.given)
    files = {name: arrays for name, arrays in inputs.files.items() if name != spec.name}
    free = replace(inputs, given=given, files=files)
    candidates: list[Array] = []
    for index in (0, 1, WIDE):
        try:
            candidates.append(free.feeds(index)[spec.name])
        except ModelError:
            continue
    if fed.dtype.kind in "iubf":
        candidates.append(np.ones_like(fed))
    yield from (array for array in candidates if array.shape == fed.shape and not _same(array, fed))


def remedy(names: list[str], inputs: Inputs, model: str) -> str:
    """Return what to give: *names* of the inputs that keep the outputs still, or else all that were made up."""
    if not names:
        names = [spec.name for spec in inputs.specs if inputs.made_up(spec.name)] or [s.name for s in inputs.specs]
        return f"give real samples of {_listed(names)}: file or images in [models.{_quoted(model)}.inputs.NAME]"
    what = _listed(names)
    fed = inputs.feeds(0)[names[0]]
    number = _flat(fed) if len(names) == 1 else None
    is_ = f" ({float(number):g} everywhere)" if isinstance(number, (int, float)) else ""
    table = f"[models.{_quoted(model)}.inputs.{names[0]}]"
    return f"{what}{is_} is constant and hides what it could show: give other values in {table}"


def _listed(names: list[str]) -> str:
    return f"input{'s' if len(names) > 1 else ''} {counted([repr(name) for name in names], 60)}"


def _quoted(model: str) -> str:
    return f'"{model}"' if "." in model else model
