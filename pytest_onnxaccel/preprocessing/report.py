"""What a comparison found: frozen, printable, JSON in builtins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import Verdict, finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@record(frozen=True)
class FirstDifference:
    """The first element, in index order, that is too far apart.

    Attributes:
        sides: what the two values are: those of two calls of one function where that is the difference.
    """

    index: tuple[int, ...]
    reference: Any
    candidate: Any
    sides: tuple[str, str] = ("reference", "candidate")

    def __str__(self) -> str:
        first, second = self.sides
        return f"at {list(self.index)}: {first} {_number(self.reference)}, {second} {_number(self.candidate)}"


@record(frozen=True)
class Proof:
    """What the verdict rests on.

    Attributes:
        standard: standard images that were compared, the user's own samples included.
        exhaustive: ``per-channel 256 values``, ``per-pixel 2^24 colours``, or ``none`` and why.
        fuzzed: image programs that hypothesis drew.
        replayed: images of the corpus.
        refused: images that both functions refuse: not comparable, and counted in no other number.
        never: what no image did, in words, such as ``nothing was made smaller``.
        noun: what is compared: ``image``, ``signal``, ``table``, ``batch``, ``text``, else ``sample``.
    """

    standard: int = 0
    exhaustive: str = "none"
    fuzzed: int = 0
    replayed: int = 0
    refused: int = 0
    never: tuple[str, ...] = ()
    noun: str = "image"

    def to_json(self) -> dict[str, Any]:
        """Return it for a report, whose schema calls the standard images a battery."""
        told = dict(vars(self))
        told.pop("noun")
        return {"battery": told.pop("standard"), **told, "never": list(self.never)}

    def __str__(self) -> str:
        made = "standard " if self.noun != "sample" else ""
        parts = [f"{self.standard} {made}{counted(self.standard, self.noun)}"]
        parts += [f"exhaustive: {self.exhaustive}"] if self.exhaustive != "none" else []
        parts += [f"{self.fuzzed} fuzzed"] if self.fuzzed or self.exhaustive != "none" else []
        parts += [f"{self.replayed} of the corpus"] if self.replayed else []
        parts += [f"{self.refused} that both functions refuse"] if self.refused else []
        parts += list(self.never)
        return ", ".join(parts)


@dataclass(frozen=True, eq=False)
class Report:
    """The outcome of :func:`~pytest_onnxaccel.preprocessing.compare`.

    Attributes:
        equivalent: no difference was found.
        kind: one of :data:`~pytest_onnxaccel.preprocessing.KINDS`; None when equivalent.
        sentence: what is wrong, or what was proven, in one sentence.
        minimal: the smallest failing image, laid out as it fails; None when equivalent.
        first_difference: in the results of the smallest image; None where they cannot be compared.
        worst: figures of the image that failed first, before it was made smaller: ``max_abs``, ``scaled_ulp``,
            ``differing``, ``of``, ``index``, ``reference``, ``candidate``, ``per_channel``.
        proof: what the verdict rests on.
        stage: the check that failed; empty when equivalent.
        path: the part of the result that differs, such as ``["boxes"]``; empty where the result is one array.
        also: other checks that failed on some samples, in words.
        statistics: what hypothesis says of the fuzzing.
        found_on: the image that failed first, in words.
        outputs: results of reference and candidate for *minimal*; None for a side that raised. Where two calls of one
            function differ, these are the two results.
        timings: the judgement on ``faster=``; None where none was asked or the two differ.
        verdict: passed, failed, or inconclusive (``faster=`` could not be decided, nothing could be compared).
    """

    equivalent: bool
    kind: str | None
    sentence: str
    verdict: Verdict
    reference: str
    candidate: str
    tolerance: str
    proof: Proof
    minimal: Any = None
    first_difference: FirstDifference | None = None
    worst: Mapping[str, Any] = field(default_factory=dict)
    stage: str = ""
    found_on: str = ""
    outputs: tuple[Array | None, Array | None] = (None, None)
    timings: Any = None
    seconds: float = 0.0
    path: str = ""
    also: tuple[str, ...] = ()
    statistics: str = ""

    @property
    def compared_nothing(self) -> bool:
        """Both functions refuse every image: neither equal nor different."""
        return not self.equivalent and self.kind is None

    @property
    def called(self) -> str:
        """What the smallest failing sample is: an image, or another sample."""
        flat = not isinstance(self.minimal, np.ndarray) or self.minimal.ndim < 2
        return "sample" if flat or self.proof.noun in ("table", "signal") else "image"

    @property
    def code(self) -> str:
        """Python that makes the smallest failing sample, to paste into a test; empty where it is too large."""
        from pytest_onnxaccel.preprocessing.sample_code import code_of

        return "" if self.minimal is None else code_of(self.minimal)

    def __str__(self) -> str:
        head = f"{self.candidate} is {'' if self.equivalent else 'not '}equivalent to {self.reference}"
        if self.compared_nothing:
            head = f"V_NOTJUDGED: nothing of {self.candidate} was compared with {self.reference}"
        lines = [head + (f": {self.kind}" if self.kind else ""), f"  {self.sentence}"]
        if self.timings is not None:
            lines.append(f"  speed: {getattr(self.timings, 'sentence', self.timings)}")
        if self.path:
            lines.append(f"  in: result{self.path}")
        lines += [f"  also: {one}" for one in self.also]
        if self.minimal is not None:
            lines.append(f"  smallest {self.called}: {picture(self.minimal)}")
        if self.first_difference is not None:
            lines.append(f"  first difference {self.first_difference}")
        lines += self._worst_lines()
        lines.append(f"  tolerance: {self.tolerance}; {'proof' if self.equivalent else 'tried'}: {self.proof}")
        if self.code and len(self.code) <= 200:
            lines.append(f"  to paste: {self.code}")
        if self.kind is not None:
            lines.append("  report.save(folder) writes the case with a repro.py")
        return "\n".join(lines)

    def _worst_lines(self) -> list[str]:
        if not self.worst:
            return [f"  found on: {self.found_on}"] if self.found_on else []
        worst = self.worst
        lines = [
            f"  found on: {self.found_on}: {worst['differing']} of {worst['of']} values differ, by up to"
            f" {worst['max_abs']:.6g} ({worst['scaled_ulp']:.3g} scaled ULP)"
        ]
        if len(worst["per_channel"]) > 1:
            channels = ", ".join(f"{value:.6g}" for value in worst["per_channel"])
            lines.append(f"  largest difference per channel: {channels}")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Return it in builtins only; small arrays as nested lists, else as shape and dtype."""
        first = self.first_difference
        return {
            "equivalent": self.equivalent,
            "kind": self.kind,
            "sentence": self.sentence,
            "verdict": self.verdict.value,
            "reference": self.reference,
            "candidate": self.candidate,
            "tolerance": self.tolerance,
            "stage": self.stage,
            "found_on": self.found_on,
            "path": self.path,
            "also": list(self.also),
            "minimal": None if self.minimal is None else _listed(self.minimal),
            "first_difference": None
            if first is None
            else {
                "index": list(first.index),
                "reference": finite(plain(first.reference)),
                "candidate": finite(plain(first.candidate)),
                "sides": list(first.sides),
            },
            "worst": finite(dict(self.worst)),
            "proof": self.proof.to_json(),
            "timings": self.timings.to_json() if hasattr(self.timings, "to_json") else None,
            "seconds": self.seconds,
        }

    def save(self, folder: str | Path) -> Path:
        """Write the case to *folder*: ``case.npz``, pictures, ``report.json`` and ``repro.py``; gives the folder."""
        from pytest_onnxaccel.preprocessing.saved_case import save

        return save(self, Path(folder))


def counted(number: int, noun: str) -> str:
    """Return *noun* as it stands behind *number*."""
    return noun if number == 1 else f"{noun}{'es' if noun.endswith('ch') else 's'}"


def plain(value: Any) -> Any:
    """Return a NumPy scalar as a builtin."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def picture(image: Any) -> str:
    """Return an image in words: its size, and its values where they are few."""
    if not isinstance(image, np.ndarray):
        return shortened(image)
    size = "x".join(str(n) for n in image.shape)
    kind = "".join(f", {word}" for word in in_memory(image))
    if image.size <= 24:
        return f"{size} {image.dtype} {str(image.tolist()).replace(' ', '')}{kind}"
    levels = np.unique(image)
    shown = f"all {levels[0]}" if levels.size == 1 else f"{levels.size} levels from {levels[0]} to {levels[-1]}"
    return f"{size} {image.dtype}, {shown}{kind}"


def shortened(sample: Any) -> str:
    """Return a sample that is not an array in one short line."""
    text = " ".join(repr(sample).split())
    return text if len(text) <= 100 else f"{text[:60]} ... ({type(sample).__name__} of {len(text)} characters)"


def in_memory(image: Array) -> list[str]:
    """Return how *image* is laid out in memory, where that is not plain."""
    words = [] if image.flags.c_contiguous else ["in Fortran order"]
    if words and not image.flags.f_contiguous:
        words = [f"of strides {image.strides}"]
    return words + ([] if image.flags.writeable else ["read-only"])


def _number(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, (float, np.floating)) else str(value)


def _listed(image: Any) -> dict[str, Any]:
    if not isinstance(image, np.ndarray):
        return {"type": type(image).__name__, "values": shortened(image)}
    data = {"shape": list(image.shape), "dtype": str(image.dtype), "strides": list(image.strides)}
    return {**data, "values": finite(image.tolist())} if image.size <= 4096 else data
