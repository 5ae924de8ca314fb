"""How a failed check ends its test: as pytest's own failure, which is an AssertionError as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import pytest

from pytest_onnxaccel.core.results import CheckResult

#: Codes of verdicts; others are of faults, such as a file that cannot be read or a runtime that died.
_VERDICT = "V_"


class Failed(pytest.fail.Exception, AssertionError):  # type: ignore[name-defined, misc]
    """A check that does not hold: pytest shows its lines alone, and ``raises=AssertionError`` matches it."""

    # pytest, JUnit and plugins print the name: it is that of any failure without a traceback
    __module__ = "builtins"


def failure(code: str, text: str) -> BaseException:
    """Return what a test fails with because of *code*: an assertion where that is of a verdict."""
    if code.startswith(_VERDICT):
        return Failed(text, pytrace=False)  # type: ignore[call-arg]
    return pytest.fail.Exception(text, pytrace=False)


def fail(results: Sequence[CheckResult], lines: Sequence[str]) -> NoReturn:
    """Fail the test with *lines*.

    Args:
        results: what failed.
        lines: what is shown.

    Raises:
        Failed: every one of *results* is a verdict.
        pytest.fail.Exception: one of them is a fault, which no expected assertion may hide.
    """
    __tracebackhide__ = True
    text = "\n".join(lines)
    if all(result.code.startswith(_VERDICT) for result in results):
        raise Failed(text, pytrace=False)  # type: ignore[call-arg]
    pytest.fail(text, pytrace=False)
