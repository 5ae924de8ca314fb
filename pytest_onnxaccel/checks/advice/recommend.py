"""What would make a model faster: what counts as help, how winners are combined, and what is said of it.

Decisions only; files, proofs and timings are the caller's. A gain is claimed only where its whole interval is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, field, replace
from typing import Any

from pytest_onnxaccel.checks.advice.candidates import Setup, Trial
from pytest_onnxaccel.checks.advice.speedup import Finding, Gain, Outcome
from pytest_onnxaccel.core.frozen import record


def judged(trial: Trial, gain: Gain, max_abs: float | None) -> Finding:
    """Return *trial*, proven to be equal and timed."""
    return Finding(trial.kind, trial.title, gain.outcome, gain, max_abs=max_abs)


def winners(tried: Sequence[tuple[Trial, Finding]]) -> list[Trial]:
    """Return the trials that help, the best of each kind, greatest certain gain first.

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
    """Take winners in one by one, each only where it helps on top of those already taken.

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
            left[trial.title] = f"no gain on top of the others: {gain}"
    return setup, tuple(trial.title for trial in taken), left


@record(frozen=True)
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
    setup: Setup = field(default_factory=Setup)
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
        """Return the advice with its setup timed as a whole; without a certain gain nothing is advised."""
        if whole is not None and whole.real:
            return replace(self, whole=whole)
        left = {**self.left, **dict.fromkeys(self.titles, f"not confirmed as a whole: {whole or 'not the model'}")}
        return replace(self, whole=whole, titles=(), setup=Setup(), left=left)

    def to_json(self) -> dict[str, Any]:
        """Return the figures of the report."""
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
        """Return the advice first, then what helps by itself, what was refused, and what makes no difference."""
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
