"""What the doctor found, in builtins: one state per backend, and what is wrong with the installation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any, Literal

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import harmless

#: ``runs``: it computed a small model; ``untried``: it says that it runs and was not asked to prove it;
#: ``fails``: it says so and does not; ``absent``: it says that it does not; ``broken``: it cannot be asked.
Status = Literal["runs", "untried", "fails", "absent", "broken"]

#: Version of the JSON form; a field that goes or changes its meaning raises it.
FORMAT = 1


@record(frozen=True)
class BackendState:
    """One registered backend.

    Attributes:
        source: ``built-in``, or the distribution that registered it.
        role: ``runtime``, ``oracle`` or ``source``; empty when it could not be asked.
        reason: why it does not run; empty when it does.
        remedy: the one command that fixes it.
        versions: by distribution name.
        device: what it runs on.
        provider: what computes, in the runtime's own words.
        interpreter: the Python of its own environment; empty when it needs none, or none is there.
        seconds: that the trial took.
    """

    name: str
    source: str
    status: Status
    role: str = ""
    reason: str = ""
    remedy: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    provider: str = ""
    interpreter: str = ""
    seconds: float | None = None

    def __post_init__(self) -> None:
        _shown(self)

    @property
    def works(self) -> bool:
        """It runs, as far as that was asked."""
        return self.status in ("runs", "untried")


@record(frozen=True)
class Problem:
    """Something wrong with the installation, and the one command that fixes it."""

    code: str
    what: str
    remedy: str

    def __post_init__(self) -> None:
        _shown(self)


@record(frozen=True)
class Diagnosis:
    """Everything.

    Attributes:
        python: version, interpreter and platform.
        machine: cores, memory and driver.
        packages: version by name of the packages that all backends share.
    """

    version: str
    python: Mapping[str, str]
    machine: Mapping[str, Any]
    packages: Mapping[str, str]
    backends: tuple[BackendState, ...]
    problems: tuple[Problem, ...]

    def __post_init__(self) -> None:
        _shown(self)

    @property
    def works(self) -> bool:
        """At least one runtime runs here; an oracle alone validates nothing."""
        return any(state.works and state.role == "runtime" for state in self.backends)

    def to_json(self) -> dict[str, Any]:
        """Return it in builtins only; ``format`` is :data:`FORMAT`."""
        return {"format": FORMAT, "works": self.works, **asdict(self)}


def _shown(state: object) -> None:
    """Make every text of *state* harmless: paths and reasons are not ours, and are printed."""
    for name, value in vars(state).items():
        if isinstance(value, (str, Mapping)):
            object.__setattr__(state, name, harmless(value))
