"""What would make a model faster: what is worth trying, what counts as help, and how winners are combined.

Decisions only; files, proofs and timings are the caller's. A gain is claimed only where its whole interval is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any

from pytest_onnxaccel.spec import ModelInfo

#: Steps on the file, in the order in which they are applied.
GRAPH_STEPS = ("initializers", "simplify", "float16", "int8")
#: What a gain must come to at least: smaller ones cannot be told from where two sessions happen to lie in memory.
LEAST = 1.03


class Outcome(str, Enum):
    """What became of one trial."""

    HELPS = "helps"
    NO_GAIN = "no gain"
    UNDECIDED = "undecided"
    REFUSED = "refused"
    NOT_APPLICABLE = "not applicable"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Gain:
    """How many times as fast as the other side, with the bounds of its interval.

    Attributes:
        control: the factor that the same run showed between two sessions of one model, 1 or more: the machine's own.
    """

    ratio: float
    low: float
    high: float
    control: float = 1.0

    @property
    def real(self) -> bool:
        """Large enough to matter, and the whole interval is above what the machine shows where there is no gain."""
        return self.low > max(1.0, self.control) and self.ratio >= LEAST

    @property
    def outcome(self) -> Outcome:
        """What a trial with this gain comes to."""
        if self.real:
            return Outcome.HELPS
        return Outcome.UNDECIDED if self.control > LEAST and self.high > 1 else Outcome.NO_GAIN

    def times(self, factor: float) -> Gain:
        """With every figure multiplied by *factor*."""
        return replace(self, ratio=self.ratio * factor, low=self.low * factor, high=self.high * factor)

    def __str__(self) -> str:
        return f"{self.ratio:.2f} times as fast ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True)
class Setup:
    """A way to run the model: steps on its file, session options that differ from the shipped ones, and the backend.

    Attributes:
        options: by the name of their field in ``LoadOptions``.
        backend: empty for the one that is asked about.
    """

    steps: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    backend: str = ""

    def with_(self, other: Setup) -> Setup:
        """Both together, each step once and in its order; options of *other* win."""
        steps = tuple(step for step in GRAPH_STEPS if step in self.steps or step in other.steps)
        return Setup(steps, {**self.options, **other.options}, other.backend or self.backend)


@dataclass(frozen=True)
class Trial:
    """One thing to try.

    Attributes:
        kind: trials of one kind exclude each other (two numbers of threads).
        title: in words, for the report.
    """

    kind: str
    title: str
    setup: Setup


@dataclass(frozen=True)
class Finding:
    """What became of a trial.

    Attributes:
        gain: over the model as shipped; None where nothing was timed.
        why: the reason of a refusal or of not applying.
        max_abs: largest absolute difference from the model as shipped, over all samples and outputs.
    """

    kind: str
    title: str
    outcome: Outcome
    gain: Gain | None = None
    why: str = ""
    max_abs: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "outcome": self.outcome.value}

    def line(self) -> str:
        """``I/O binding: no gain: 1.00 times as fast (0.98 to 1.02)``."""
        if self.gain is None:
            return f"{self.title}: {self.outcome}: {self.why}"
        if self.outcome is Outcome.UNDECIDED:
            told = f"{self.gain.control:.2f} between equal sessions"
            return f"{self.title}: undecided: {self.gain}, on a machine that shows {told}"
        return f"{self.title}: {'' if self.outcome is Outcome.HELPS else f'{self.outcome}: '}{self.gain}"


@dataclass(frozen=True)
class Surroundings:
    """What decides on which trials apply.

    Attributes:
        tunes: fields of ``LoadOptions`` that the backend knows.
        threads: intra-op threads that the budget pins; None for the runtime's own number.
        cores: processors that this process may use.
        others: further backends that run here in the same interpreter.
    """

    info: ModelInfo
    tunes: tuple[str, ...]
    threads: int | None
    cores: int
    others: tuple[str, ...] = ()


def trials(around: Surroundings) -> tuple[list[Trial], list[Finding]]:
    """What to try, and what does not apply with its reason. Steps on the file say themselves whether they apply."""
    first = ("initializers",)
    found = [
        Trial("initializers", "initializers out of the inputs", Setup(first)),
        Trial("simplify", "graph simplification", Setup((*first, "simplify"))),
        Trial("float16", "float16", Setup((*first, "float16"))),
        Trial("int8", "int8 weights (dynamic quantisation)", Setup((*first, "int8"))),
    ]
    without: list[Finding] = []

    def option(kind: str, why: str, *choices: tuple[str, Mapping[str, Any]]) -> None:
        if why or not choices:
            without.append(Finding(kind, _KINDS[kind], Outcome.NOT_APPLICABLE, why=why))
        found.extend(Trial(kind, title, Setup(options=changes)) for title, changes in choices if not why)

    def unless(name: str, why: str = "") -> str:
        return why if name in around.tunes else "this backend has no such option"

    single = around.threads == 1 or (around.threads is None and around.cores == 1)
    counts = sorted({1, around.cores // 2, around.cores} - {0}) if around.cores > 1 else []
    option(
        "level", unless("level"),
        *((f"optimization level {name}", {"level": name}) for name in ("basic", "extended")),
    )  # fmt: skip
    option(
        "threads",
        unless("threads", "the budget pins the threads" if around.threads else "" if counts else "there is one core"),
        *((f"{n} intra-op thread{'s' * (n > 1)}", {"threads": n}) for n in counts),
    )
    option(
        "spin",
        unless("spin", "one thread has none to wait for" if single else ""),
        ("no spinning between calls", {"spin": False}),
    )
    option("arena", unless("arena"), ("no memory arena", {"arena": False}))
    option("binding", unless("binding"), ("I/O binding", {"binding": True}))
    found.extend(Trial("provider", f"backend {name}", Setup(backend=name)) for name in around.others)
    if not around.others:
        without.append(Finding("provider", _KINDS["provider"], Outcome.NOT_APPLICABLE, why="no other one runs here"))
    return found, without


_KINDS = {
    "level": "optimization level",
    "threads": "intra-op threads",
    "spin": "no spinning between calls",
    "arena": "no memory arena",
    "binding": "I/O binding",
    "provider": "another backend",
}


def judged(trial: Trial, gain: Gain, max_abs: float | None) -> Finding:
    """*trial*, proven to be equal and timed."""
    return Finding(trial.kind, trial.title, gain.outcome, gain, max_abs=max_abs)


def winners(tried: Sequence[tuple[Trial, Finding]]) -> list[Trial]:
    """The trials that help, the best of each kind, greatest certain gain first.

    A step that others build on comes before them, so that they are taken only for what they add.
    """
    best: dict[str, tuple[float, Trial]] = {}
    for trial, finding in tried:
        if finding.outcome is Outcome.HELPS and finding.gain is not None:
            known = best.get(trial.kind)
            if known is None or finding.gain.low > known[0]:
                best[trial.kind] = (finding.gain.low, trial)
    ranked = [trial for _, trial in sorted(best.values(), key=lambda item: -item[0])]
    found: list[Trial] = []
    for trial in ranked:
        below = [t for t in ranked if t.setup.steps and set(t.setup.steps) < set(trial.setup.steps)]
        found += [t for t in (*sorted(below, key=lambda t: len(t.setup.steps)), trial) if t not in found]
    return found


def combined(
    won: Sequence[Trial], further: Callable[[Setup, Setup], Gain | None]
) -> tuple[Setup, tuple[str, ...], dict[str, str]]:
    """Take winners in one by one, each only where it helps beside those already taken.

    Args:
        won: see :func:`winners`.
        further: from what was taken and what it would become to the gain of the step; None where the step does not
            give the model's outputs, or does not run.

    Returns:
        The setup, the titles of what is in it, and by title why a winner was left out.
    """
    if not won:
        return Setup(), (), {}
    setup, taken, left = won[0].setup, [won[0]], dict[str, str]()
    for trial in won[1:]:
        new = setup.with_(trial.setup)
        if new == setup:
            # What is taken contains it: simplification comes with the initializers out of the inputs
            continue
        if {"float16", "int8"} <= set(new.steps):
            left[trial.title] = "float16 and int8 exclude each other"
            continue
        gain = further(setup, new)
        if gain is None:
            left[trial.title] = "together with the others it is not the model"
        elif gain.real:
            setup, taken = new, [*taken, trial]
        else:
            left[trial.title] = f"no gain beside the others: {gain}"
    return setup, tuple(trial.title for trial in taken), left


@dataclass(frozen=True)
class Advice:
    """The whole of it, for one model in one backend.

    Attributes:
        findings: one per trial.
        titles: of what is in the advised setup; empty when nothing is advised.
        whole: gain of the advised setup over the model as shipped, measured again; None when nothing is advised.
        left: winners that are not in it, with the reason.
        throughput: gain in samples per second of another batch size, a matter of its own.
        files: paths that were written.
        limit: why less was tried than applies; empty when nothing was left out.
    """

    findings: tuple[Finding, ...]
    setup: Setup = Setup()
    titles: tuple[str, ...] = ()
    whole: Gain | None = None
    left: Mapping[str, str] = field(default_factory=dict)
    throughput: Finding | None = None
    files: tuple[str, ...] = ()
    limit: str = ""

    @property
    def advised(self) -> bool:
        """There is something to advise, and it is certain to help."""
        return self.whole is not None and self.whole.real

    def confirmed(self, whole: Gain | None) -> Advice:
        """With the advised setup timed as a whole; without a certain gain nothing is advised."""
        if whole is not None and whole.real:
            return replace(self, whole=whole)
        left = {**self.left, **dict.fromkeys(self.titles, f"not confirmed as a whole: {whole or 'not the model'}")}
        return replace(self, whole=whole, titles=(), setup=Setup(), left=left)

    def to_json(self) -> dict[str, Any]:
        """Figures of the report."""
        return {
            "advised": list(self.titles),
            "gain": None if not self.advised or self.whole is None else asdict(self.whole),
            "setup": {**asdict(self.setup), "options": dict(self.setup.options)} if self.advised else None,
            "tried": [finding.to_json() for finding in self.findings],
            "left_out": dict(self.left),
            "throughput": None if self.throughput is None else self.throughput.to_json(),
            "files": list(self.files),
            "limit": self.limit,
            "lines": self.lines(),
        }

    def lines(self) -> list[str]:
        """The advice first, then what helps by itself, what was refused, and what makes no difference."""
        if self.advised:
            head = f"advised: {' + '.join(self.titles)}: {self.whole}"
        else:
            head = "advised: nothing; nothing that was tried is certain to be faster than the model as shipped"
        by = {outcome: [f for f in self.findings if f.outcome is outcome] for outcome in Outcome}
        lines = [head]
        lines += [f.line() for f in by[Outcome.HELPS]]
        lines += [f"{title}: left out: {why}" for title, why in self.left.items()]
        lines += [self.throughput.line()] if self.throughput is not None else []
        lines += [f.line() for f in (*by[Outcome.REFUSED], *by[Outcome.UNDECIDED])]
        if by[Outcome.NO_GAIN]:
            lines.append("no gain: " + ", ".join(f"{f.title} ({_bounds(f.gain)})" for f in by[Outcome.NO_GAIN]))
        if by[Outcome.NOT_APPLICABLE]:
            lines.append("not applicable: " + ", ".join(f"{f.title} ({f.why})" for f in by[Outcome.NOT_APPLICABLE]))
        lines += [f"not tried: {self.limit}"] if self.limit else []
        lines += [f"written: {', '.join(self.files)}"] if self.files else []
        return lines


def _bounds(gain: Gain | None) -> str:
    return "" if gain is None else f"{gain.low:.2f} to {gain.high:.2f}"
