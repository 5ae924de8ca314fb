"""What is worth trying on a model to make it faster, and what does not apply to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from pytest_onnxaccel.checks.advice.speedup import Finding, Outcome
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import ModelInfo

#: Steps on the file, in the order in which they are applied.
GRAPH_STEPS = ("initializers", "simplify", "float16", "int8")


#: The field of ``LoadOptions`` that holds options of an execution provider.
PROVIDER = "provider"
#: What a provider can be asked for to be faster: a title, and its options.
Tries = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@record(frozen=True)
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
        """Combine both, each step once and in its order; options of *other* win.

        Options of a provider hold for the backend that they were tried on.
        """
        steps = tuple(step for step in GRAPH_STEPS if step in self.steps or step in other.steps)
        backend = other.backend or self.backend
        parts = [
            {key: value for key, value in part.options.items() if key != PROVIDER or part.backend == backend}
            for part in (self, other)
        ]
        return Setup(steps, {**parts[0], **parts[1]}, backend)


@record(frozen=True)
class Trial:
    """One thing to try.

    Attributes:
        kind: trials of one kind exclude each other (two numbers of threads).
        title: in words, for the report.
    """

    kind: str
    title: str
    setup: Setup


@record(frozen=True)
class Surroundings:
    """What decides on which trials apply.

    Attributes:
        tunes: fields of ``LoadOptions`` that the backend knows.
        threads: intra-op threads that the budget pins; None for the runtime's own number.
        cores: processors that this process may use.
        others: further backends that run here: in the same interpreter, or execution providers.
        tries: by backend, precisions and other choices of its execution provider; the empty name is the backend itself.
    """

    info: ModelInfo
    tunes: tuple[str, ...]
    threads: int | None
    cores: int
    others: tuple[str, ...] = ()
    tries: Mapping[str, Tries] = field(default_factory=dict)


def trials(around: Surroundings) -> tuple[list[Trial], list[Finding]]:
    """Return what to try, and what does not apply with the reason; steps on the file decide that themselves."""
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
        "level",
        unless("level"),
        *((f"optimization level {name}", {"level": name}) for name in ("basic", "extended")),
    )
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
    found.extend(
        Trial("provider", title, Setup(options={PROVIDER: changes})) for title, changes in around.tries.get("", ())
    )
    for name in around.others:
        found.append(Trial("provider", f"backend {name}", Setup(backend=name)))
        found.extend(
            Trial("provider", f"backend {name}, {title}", Setup(options={PROVIDER: changes}, backend=name))
            for title, changes in around.tries.get(name, ())
        )
    if not around.others and not around.tries.get(""):
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
