"""A function of the owner's that says whether two outputs agree: a session that takes both, in a worker."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import SessionInfo, SourceOptions
from pytest_onnxaccel.core.errors import ConfigError, ModelError, OnnxAccelError, printable
from pytest_onnxaccel.core.lookup.import_string import at_home, find_callable
from pytest_onnxaccel.core.specs import Timing, TimingPlan
from pytest_onnxaccel.core.unexpected import traceback_lines

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: What a session of this kind takes, and gives.
CANDIDATE, REFERENCE = "candidate", "reference"
AGREE, WHY = "agree", "why"


def open_comparison(name: str, source: SourceOptions) -> ComparisonSession:
    """Return the session of the function *name*, ``package.module:function``.

    Raises:
        ConfigError: it is not there, or cannot be called with two arrays.
    """
    with at_home(source.import_paths):
        function = find_callable(name, source.import_paths)
    try:
        inspect.signature(function).bind(None, None)
    except ValueError:  # a function of an extension, which need not tell
        pass
    except TypeError:
        raise ConfigError(
            f"takes {printable(str(inspect.signature(function)), 80)}, and is called with two arrays",
            subject=name,
            remedy="take the candidate's and the reference's output",
        ) from None
    return ComparisonSession(name, function, source.import_paths)


class ComparisonSession:
    """See :class:`pytest_onnxaccel.backends.protocol.Session`."""

    def __init__(self, name: str, function: Callable[..., Any], import_paths: tuple[str, ...]) -> None:
        self._name, self._paths = name, import_paths
        self._function: Callable[..., Any] | None = function
        self.info = SessionInfo((), (), facts={"function": name})

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return whether the function finds that ``candidate`` and ``reference`` agree.

        Returns:
            ``agree``: one boolean; ``why``: one text, empty where it says nothing.

        Raises:
            ModelError: ``E_RUN``: it raises something else than AssertionError; ``E_CONFIG``: it gives something else
                than None, a boolean or a text.
        """
        import numpy as np

        function = self._function
        if function is None:
            raise ModelError("the session is closed", code="E_RUN")
        try:
            with at_home(self._paths):
                found = function(feeds[CANDIDATE].copy(), feeds[REFERENCE].copy())
        except AssertionError as error:  # numpy.testing and plain asserts
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            found = "; ".join(lines) or "AssertionError"
        except (OnnxAccelError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            cause = f"raises {type(error).__name__}: {printable(str(error), 140)}"
            failed = ModelError(
                cause, code="E_RUN", subject=self._name, remedy="give True, or a text that says why not"
            )
            failed.traceback = traceback_lines(error)
            raise failed from None
        if found is None or isinstance(found, (bool, np.bool_)):
            good, why = found is None or bool(found), ""
        elif isinstance(found, str):
            good, why = not found, printable(found, 200)
        else:
            raise ConfigError(
                f"gives {type(found).__name__}",
                subject=self._name,
                remedy="give True or None where both agree, False or a text that says why where they do not",
            )
        return {AGREE: np.array(good), WHY: np.array([why], dtype=object)}

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        raise ModelError("a comparison is not timed", code="E_RUN")

    def close(self) -> None:
        self._function = None
