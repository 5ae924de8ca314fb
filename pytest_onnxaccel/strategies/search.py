"""Looks for an input that fails, with hypothesis as the engine: its profiles, seed, database and statistics hold."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, Unsatisfiable
from hypothesis.statistics import collector, describe_statistics

T = TypeVar("T")

#: Examples of a search where nobody said how many.
USUAL = 100


#: What hypothesis's statistics call how near an input came.
SCORE = "largest difference, in tolerances"


class _Found(Exception):
    """Ends the search: the input fails."""


def _profile() -> Any:
    """Return the settings of the profile that was loaded; None for hypothesis's own default."""
    name = settings.get_current_profile_name()
    return None if name in ("default", "ci") else settings.get_profile(name)


def _verbosity(profile: Any) -> Any:
    """Return how much hypothesis prints: nothing, unless ``--hypothesis-verbosity`` or a profile asks for all."""
    loud = profile is not None and profile.verbosity in (Verbosity.verbose, Verbosity.debug)
    return profile.verbosity if loud else Verbosity.quiet


def find_failing(
    fails: Callable[[T], bool | float | None],
    strategy: st.SearchStrategy[T],
    *,
    examples: int = 100,
    seed: int | None = 0,
    shrink: bool = True,
    key: str = "",
    statistics: Callable[[str], None] | None = None,
) -> tuple[T | None, int]:
    """Return the simplest input found for which *fails* is true, or None, and how many inputs were tried.

    Args:
        fails: True for an input that is to be found, False for another; or a number that says how near it came, which
            hypothesis then tries to raise; None for one that says nothing, and another is drawn in its place.
            Exceptions are passed on.
        strategy: what inputs are drawn from.
        examples: how many inputs to try at most, without those that say nothing.
        seed: the same inputs in each run with the same modules, whose constants hypothesis tries, too; None for others
            each time.
        shrink: reduce what was found; without it the first one found is returned.
        key: under which failures are kept in the example database, where the profile has one; empty for none.
        statistics: is told what hypothesis says of the run, as ``--hypothesis-show-statistics`` prints it.

    A profile that was loaded (``--hypothesis-profile``, ``settings.load_profile``) says the number of examples and the
    phases, unless *examples* is another number than the usual 100; ``--hypothesis-seed`` wins over *seed*.
    """
    profile = _profile()
    if profile is not None and examples == USUAL:
        examples = profile.max_examples
    tried = 0
    failing: list[T] = []

    def body(value: T) -> None:
        nonlocal tried
        answer = fails(value)
        if answer is None:
            hypothesis.reject()
        tried += 1
        if answer is True:
            hypothesis.note(f"fails: {value}")
            failing.append(value)
            raise _Found
        if answer is not False and math.isfinite(answer):
            hypothesis.target(float(answer), label=SCORE)

    phases = [Phase.generate, Phase.target, *([Phase.shrink] if shrink else [])]
    database = profile.database if profile is not None and key else None
    if database is not None:
        phases.insert(0, Phase.reuse)
    if profile is not None:
        phases = [phase for phase in phases if phase in profile.phases] or [Phase.generate]
    test: Any = given(strategy)(body)
    test = settings(
        max_examples=max(1, examples),
        deadline=None,
        database=database,
        derandomize=False,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=_verbosity(profile),
        print_blob=False,
    )(test)

    def tell(said: Any) -> None:
        if statistics is not None:
            said["nodeid"] = key
            statistics(describe_statistics(said))

    forced = hypothesis.core.global_force_seed
    if seed is not None and forced is None and not (profile is not None and profile.derandomize):
        test = hypothesis.seed(seed)(test)
    if key:
        test._hypothesis_internal_database_key = hashlib.sha256(key.encode()).digest()
    try:
        with collector.with_value(tell):  # type: ignore[arg-type]
            test()
    except (_Found, Flaky):
        # Flaky: it failed and then passed on the same input; what failed once is what was asked for
        return (failing[-1] if failing else None), tried
    except Unsatisfiable:  # every input said nothing
        return None, tried
    return None, tried
