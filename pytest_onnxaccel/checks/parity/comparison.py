"""Outputs of two sides over several samples: what parity and batch checks share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.checks.parity.outputs.comparer import Comparer, Sample
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.compare.boxes import flips_of
from pytest_onnxaccel.numerics.compare.elementwise import (
    Problem,
    figures,
    name_problems,
    nothing_finite,
    value_problems,
)
from pytest_onnxaccel.numerics.unpacked import holder

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


@dataclass
class Agreement:
    """Collects comparisons and keeps the worst of each output.

    Args:
        sides: names of the candidate and the reference, for messages.
        tolerance: for outputs without one of their own.
        outputs: tolerance by output name.
        limit: gives an output's complete tolerance by its name and the reference's values, instead of the two above;
            it may change later, see :meth:`judge_again`.
    """

    sides: tuple[str, str]
    tolerance: Tolerance
    outputs: Mapping[str, Tolerance] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    worst: dict[str, dict[str, Any]] = field(default_factory=dict)
    samples: int = 0
    #: Number of the sample that was compared last.
    last: int = 0
    limit: Callable[[str, Array], Tolerance] | None = None
    #: The reference was stored: values that are not finite are right where it has them.
    stored: bool = False
    #: Outputs that may hold infinities alone, by what the graph says.
    infinite: Collection[str] = ()
    #: By output, the pair that needs the widest tolerance, kept where *limit* may change: sample, candidate, reference.
    hardest: dict[str, tuple[int, Array, Array]] = field(default_factory=dict)
    needed: dict[str, float] = field(default_factory=dict)
    #: Argmax flips over all samples, by classifier-like output.
    flips: dict[str, int] = field(default_factory=dict)
    #: Outputs without an element in any sample so far.
    empty: dict[str, bool] = field(default_factory=dict)
    #: By output, what compares it otherwise than element by element.
    comparers: Mapping[str, Comparer] = field(default_factory=dict)
    #: By output with a comparer: all outputs of the sample of *hardest*, what qualifies it, and whether any was judged.
    whole: dict[str, Sample] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    judged: dict[str, bool] = field(default_factory=dict)
    #: Float type of fewer digits than its own that an output is computed in, by output, once that is known.
    computed: Mapping[str, str] = field(default_factory=dict)

    def add(self, candidate: Mapping[str, Array], reference: Mapping[str, Array], number: int | None = None) -> None:
        """Compare one sample's outputs; after a breach of the contract no further figures are taken.

        Args:
            candidate: arrays by output name.
            reference: arrays by output name, of the same sample.
            number: of the sample, where samples are left out: what is reported about the worst one.
        """
        number = self.samples if number is None else number
        self.samples += 1
        self.last = number
        self.problems += name_problems(candidate, reference, self.sides)
        if self.problems:
            return
        sample = Sample(number, candidate, reference, self.computed)
        for name in reference:
            breaches = self._breaches(name, sample)
            self.problems += breaches
            if breaches:
                continue
            found = self._figures(name, sample)
            if name not in self.worst or _badness(found) > _badness(self.worst[name]):
                self.worst[name] = {**found, "sample": number}
            self.empty[name] = self.empty.get(name, True) and not reference[name].size
            flips = flips_of(candidate[name], reference[name]) if self._comparer(name) is None else None
            if flips is not None:
                self.flips[name] = self.flips.get(name, 0) + flips
            # What needs no wider tolerance is hard by what is wrong with it
            needed = found.get("needed_atol", 0.0) or found["bad_share"]
            if self.limit is not None and needed >= self.needed.get(name, 0.0):
                self.needed[name] = needed
                self.hardest[name] = (number, candidate[name], reference[name])
                if self._comparer(name) is not None:
                    self.whole[name] = sample

    def _comparer(self, name: str) -> Comparer | None:
        """Return what compares array *name*: of a sequence or a map, what compares the output that it is a part of."""
        return self.comparers.get(holder(name, self.comparers)) if self.comparers else None

    def _breaches(self, name: str, sample: Sample) -> list[Problem]:
        stored = self.limit is None or self.stored or name in self.infinite
        comparer = self._comparer(name)
        if comparer is not None:
            return comparer.problems(name, sample, stored)
        found = value_problems(name, sample.ours[name], sample.theirs[name])
        return found if found or stored else nothing_finite(name, sample.theirs[name])

    def _limit(self, name: str, reference: Array) -> Tolerance:
        return self.limit(name, reference) if self.limit else self.outputs.get(name, self.tolerance)

    def _figures(self, name: str, sample: Sample) -> dict[str, Any]:
        theirs = sample.theirs[name]
        limit = self._limit(name, theirs)
        comparer = self._comparer(name)
        if comparer is None:
            return {**figures(sample.ours[name], theirs, limit), "tolerance_from": limit.origin}
        found = comparer.figures(name, sample, self._limit)
        if found.get("note"):
            self.remarks[name] = found["note"]
        self.judged[name] = self.judged.get(name, False) or not found.get("unjudged")
        return {"tolerance_from": limit.origin, **found}

    def judge_again(self) -> None:
        """Take the figures of each output's hardest sample again, after *limit* changed."""
        for name, (number, candidate, reference) in self.hardest.items():
            sample = self.whole.get(name) or Sample(number, {name: candidate}, {name: reference})
            sample = replace(sample, computed=self.computed)
            self.worst[name] = {**self._figures(name, sample), "sample": number}

    def bad(self) -> list[str]:
        """Return the outputs with elements past their tolerance."""
        return [name for name, found in self.worst.items() if found["bad_share"]]

    @property
    def ok(self) -> bool:
        """No breach, and no element past its tolerance."""
        return not self.problems and all(f["bad_share"] == 0 for f in self.worst.values())

    def summary(self) -> dict[str, Any]:
        """Return the figures of the worst output, and those of each."""
        if not self.worst:
            return {"samples": self.samples}
        name, top = max(self.worst.items(), key=lambda item: _badness(item[1]))
        keys = ("max_abs", "max_rel", "max_rel_range", "max_ulp", "cosine", "bad_share", "rtol", "atol", "worst_index")
        figures = {key: top.get(key) for key in keys}
        figures["max_abs"] = max(self._errors())
        if self.flips:
            figures["flips"] = sum(self.flips.values())
        outputs = {n: {**f, "flips": self.flips[n]} if n in self.flips else f for n, f in self.worst.items()}
        return {**figures, "worst_output": name, "samples": self.samples, "outputs": outputs}

    def _errors(self) -> list[float]:
        """Return largest absolute error of each output, where errors say something: not of indices."""
        found = [f["max_abs"] for f in self.worst.values() if not str(f.get("compare", "")).startswith("ranked")]
        return found or [0.0]

    def message(self) -> str:
        """Return what was asked and what is, in one line, for a failure."""
        if self.problems:
            return self.problems[0].message
        name, top = max(self.worst.items(), key=lambda item: _badness(item[1]))
        if top.get("said"):
            return str(top["said"])
        if "worst_index" not in top:
            return f"output {name!r}: {top['bad_share']:.2%} of the texts differ"
        return (
            f"output {name!r}: {top['bad_share']:.2%} of the elements are past atol {top['atol']:.2g} + "
            f"rtol {top['rtol']:.2g}; max abs error {top['max_abs']:.3g}"
        )

    def details(self) -> tuple[str, ...]:
        """Return further lines for a failure: the other breaches, or the worst element of each output."""
        if self.problems:
            return tuple(p.message for p in self.problems[1:])
        lines = []
        for name, top in self.worst.items():
            if top["bad_share"] and top.get("said"):
                lines += [top["said"]] if top["said"] != self.message() else []
            elif top["bad_share"] and "worst_index" in top:
                lines.append(
                    f"{name}{top['worst_index']}: {self.sides[0]} {top['worst_candidate']:.7g}, "
                    f"{self.sides[1]} {top['worst_reference']:.7g} (sample {top['sample']}, "
                    f"{_ulp(top)}cosine {top['cosine']:.6f}{self._flipped(name)})"
                )
        lines.append(f"tolerance: {self.origin()}")
        return tuple(lines)

    def notes(self) -> tuple[str, ...]:
        """Return how outputs were compared that are not compared element by element, and what qualifies that."""
        kinds: dict[str, list[str]] = {}
        for name, found in self.worst.items():
            if found.get("compare"):
                kinds.setdefault(str(found["compare"]), []).append(name)
        told = [f"compared as {kind}: {counted(names, 120)}" for kind, names in kinds.items()]
        return (*told, *self.remarks.values())

    def unjudged(self) -> list[str]:
        """Return outputs of which nothing could be judged in any sample."""
        return [name for name, judged in self.judged.items() if not judged]

    def _flipped(self, name: str) -> str:
        return f", {self.flips[name]} argmax flips" if self.flips.get(name) else ""

    def origin(self) -> str:
        """Return where the tolerances come from."""
        if self.limit is not None:
            told = [f"{name}: {self.worst[name]['tolerance_from']}" for name in self.bad() or self.worst]
            return counted(told, 240, "; ")
        origins = dict.fromkeys(self.outputs.get(name, self.tolerance).origin for name in self.worst)
        text = ", ".join(origins) or self.tolerance.origin
        return text.replace("default", "the default for the dtype, scaled to the largest reference value")


def _ulp(top: Mapping[str, Any]) -> str:
    return f"{top['max_ulp']:.0f} ULP at most, " if top.get("max_ulp") is not None else ""


def _badness(found: Mapping[str, Any]) -> tuple[float, float]:
    return (found["bad_share"], found["max_abs"])
