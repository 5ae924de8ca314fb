"""Whatever goes wrong outside a check, in a fixture say, ends the test with one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pytest_onnxaccel.core.errors import BackendUnavailable
from pytest_onnxaccel.core.unexpected import as_error
from pytest_onnxaccel.plugin.failed import failure
from pytest_onnxaccel.plugin.run.run_options import LET_THROUGH
from pytest_onnxaccel.plugin.state import STATE


def shows_tracebacks(config: pytest.Config) -> bool:
    """Return whether somebody looks for a fault in the code: ``-vv``, ``--full-trace``, ``--onnx-in-process``."""
    state = config.stash.get(STATE, None)
    here = state is not None and state.settings.in_process
    return here or config.get_verbosity() >= 2 or bool(config.getoption("fulltrace", False))


@contextmanager
def one_line(config: pytest.Config) -> Iterator[None]:
    """Fail the test with one line, whatever is raised inside; a backend that is not here is the caller's to judge."""
    try:
        yield
    except (*LET_THROUGH, BackendUnavailable):
        raise
    except BaseException as error:
        told = as_error(error)
        lines = told.traceback if shows_tracebacks(config) else ()
        raise failure(told.code, "\n".join([str(told), *lines])) from None
