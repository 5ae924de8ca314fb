"""Looks for an input that fails, with hypothesis as the engine and without its database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

T = TypeVar("T")


class _Found(Exception):
    """Ends the search: the input fails."""


def find_failing(
    fails: Callable[[T], bool],
    strategy: st.SearchStrategy[T],
    *,
    examples: int = 100,
    seed: int | None = 0,
    shrink: bool = True,
) -> tuple[T | None, int]:
    """Return the simplest input found for which *fails* is true, or None, and how many inputs were tried.

    Args:
        fails: says whether an input is one to be found; exceptions are passed on.
        strategy: what inputs are drawn from.
        examples: how many inputs to try at most.
        seed: the same inputs in each run; None for others each time.
        shrink: reduce what was found; without it the first one found is returned.
    """
    tried = 0
    failing: list[T] = []

    def body(value: T) -> None:
        nonlocal tried
        tried += 1
        if fails(value):
            failing.append(value)
            raise _Found

    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    test: Any = given(strategy)(body)
    test = settings(
        max_examples=max(1, examples),
        deadline=None,
        database=None,
        derandomize=False,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
    )(test)
    if seed is not None:
        test = hypothesis.seed(seed)(test)
    try:
        test()
    except (_Found, Flaky):
        # Flaky: it failed and then passed on the same input; what failed once is what was asked for
        return (failing[-1] if failing else None), tried
    return None, tried
