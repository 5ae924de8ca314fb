"""The checks that a model gets: one record each, built-in ones and those of other distributions."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from pytest_onnxaccel.checks.protocol import CheckContext
    from pytest_onnxaccel.core.results import CheckResult

#: How often a check runs: see :class:`Check`.
Scope = Literal["model", "backend", "reference", "batch"]
#: What a check needs that a worker can begin with while pytest still starts: a session of the model.
SESSION = "session"
#: Names of checks: part of ids, options and JSON.
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


@record(frozen=True)
class Check:
    """One check.

    Attributes:
        name: as ids, reports and :func:`~pytest_onnxaccel.validate` call it.
        run: gives the result of one request; or ``module:function``, which is imported when the check first runs.
        scope: ``model``: once for a model; ``backend``: on every backend that is checked; ``reference``: on every pair
            of a candidate and what it is compared with; ``batch``: on every backend at every batch size that is named.
        order: checks of a lower number run and are shown first. The built-in ones have 10 to 60.
        exclusive: it measures time: nothing else of this run works on the machine meanwhile.
        needs: what a worker may begin with ahead: names of graph functions, and :data:`SESSION`.
    """

    name: str
    run: Callable[[CheckContext], CheckResult] | str
    scope: Scope = "model"
    order: int = 70
    exclusive: bool = False
    needs: tuple[str, ...] = ()

    @property
    def on_backend(self) -> bool:
        """A backend runs the model in it."""
        return self.scope != "model"

    def function(self) -> Callable[[CheckContext], CheckResult]:
        """Return what runs it."""
        if callable(self.run):
            return self.run
        from importlib import import_module

        module, _, name = self.run.partition(":")
        found: Callable[[CheckContext], CheckResult] = getattr(import_module(module), name)
        return found


def _built_in(name: str, order: int, scope: Scope, needs: tuple[str, ...] = (), exclusive: bool = False) -> Check:
    return Check(name, f"pytest_onnxaccel.runner.checks.{name}:run", scope, order, exclusive, needs)


#: The checks of this project.
BUILT_IN = (
    _built_in("structure", 10, "model", ("structure",)),
    _built_in("contract", 20, "backend", ("input_facts", SESSION)),
    _built_in("hygiene", 30, "model", ("hygiene", SESSION)),
    _built_in("parity", 40, "reference", (SESSION,)),
    _built_in("batch", 50, "backend", (SESSION,)),
    _built_in("latency", 60, "batch", exclusive=True),
)


@cache
def checks() -> dict[str, Check]:
    """Return every check by name, in the order in which they run.

    Raises:
        ConfigError: a distribution registers something else than a check, or a name that is taken.
    """
    from pytest_onnxaccel.core.lookup import (
        registry,  # reports import this table, and need no metadata of distributions
    )

    found = {check.name: check for check in BUILT_IN}
    for name in registry.names(registry.CHECKS):
        found[name] = _registered(name, found)
    return {check.name: check for check in sorted(found.values(), key=lambda check: (check.order, check.name))}


def _registered(name: str, known: dict[str, Check]) -> Check:
    from pytest_onnxaccel.core.lookup import registry

    where = f"the entry point {name!r} of the group {registry.CHECKS}"
    try:
        check: Any = registry.load(registry.CHECKS, name)
    except Exception as error:  # a module of somebody else
        cause = f"{where} cannot be loaded: {type(error).__name__}: {error}"
        raise ConfigError(cause, remedy="fix or uninstall that distribution") from None
    wrong = problem_of(check, name)
    if not wrong and name in known:
        wrong = f"the name {name!r} is taken by a built-in check"
    if wrong:
        raise ConfigError(f"{where}: {wrong}", remedy="fix or uninstall that distribution")
    assert isinstance(check, Check)
    return check


def problem_of(check: object, name: str) -> str:
    """Return what is wrong with *check* as the check that is registered as *name*; empty where nothing is."""
    if not isinstance(check, Check):
        return f"{check!r} is not a pytest_onnxaccel.check_api.Check"
    if check.name != name:
        return f"the check calls itself {check.name!r}"
    if not _NAME.fullmatch(name):
        return f"{name!r} is not lower-case letters, digits, - and _"
    if check.scope not in get_args(Scope):
        return f"its scope {check.scope!r} is not one of {', '.join(get_args(Scope))}"
    if not callable(check.run) and not (isinstance(check.run, str) and check.run.count(":") == 1):
        return f"its run {check.run!r} is neither a function nor 'module:function'"
    return ""


def exclusive(name: str) -> bool:
    """Return whether the check measures time; what cannot be decided then may be measured once more."""
    return name in checks() and checks()[name].exclusive


def on_backends() -> frozenset[str]:
    """Return the names of the checks in which a backend judges a model."""
    return frozenset(name for name, check in checks().items() if check.on_backend)
