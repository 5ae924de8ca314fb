"""A function of the owner's as a session: called with arrays by input name, on the batch that it is given."""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.function.values import named_arrays
from pytest_onnxaccel.backends.protocol import LoadOptions, SessionInfo, SourceOptions
from pytest_onnxaccel.core.errors import ConfigError, ModelError, OnnxAccelError, printable
from pytest_onnxaccel.core.lookup.import_string import at_home, find_callable
from pytest_onnxaccel.core.specs import Timing, TimingPlan
from pytest_onnxaccel.core.unexpected import traceback_lines
from pytest_onnxaccel.numerics.timing.loop import measure

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


def open_session(name: str, options: LoadOptions) -> FunctionSession:
    """Open the function *name*, ``package.module:function``, as a session.

    Raises:
        ConfigError: it is not there, or cannot be called with one argument.
    """
    source = options.source
    if source is None:
        raise ConfigError(
            "function runs what a model was converted from, not an ONNX file",
            remedy="name it: --onnx-reference=package.module:function",
        )
    with at_home(source.import_paths):
        function = find_callable(name, source.import_paths)
    _check_arguments(function)
    return FunctionSession(name, function, source)


class FunctionSession:
    """See :class:`pytest_onnxaccel.backends.protocol.Session`; the names are those of the ONNX model."""

    def __init__(self, name: str, function: Callable[..., Any], source: SourceOptions) -> None:
        self._name = name
        self._function: Callable[..., Any] | None = function
        self._paths = source.import_paths
        self._declared = source.declared
        self.info = SessionInfo(source.inputs, source.declared, facts={"function": name, "provider": "cpu"})

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Call the function with *feeds* and return its outputs.

        Raises:
            ModelError: ``E_RUN``: it raises; ``V_CONTRACT``: it gives something other than the model declares.
        """
        try:
            return named_arrays(self._call(feeds)(), self._declared)
        except OnnxAccelError as error:
            raise error.about(self._name) from None

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        return measure(self._call(feeds), plan)

    def close(self) -> None:
        self._function = None

    def _call(self, feeds: Mapping[str, Array]) -> Callable[[], Any]:
        function = self._function
        if function is None:
            raise ModelError("the session is closed", code="E_RUN")
        # Arrays of its own: it may write into them
        arrays = {name: array.copy() for name, array in feeds.items()}

        def call() -> Any:
            try:
                with at_home(self._paths):
                    return function(arrays)
            except (OnnxAccelError, MemoryError):
                raise
            except (Exception, SystemExit) as error:
                raise self._failed(error, arrays) from None

        return call

    def _failed(self, error: BaseException, arrays: Mapping[str, Array]) -> ModelError:
        """Return the error for what the function raised, with the line of the owner's file."""
        place = _place(error, self._paths)
        said = printable(str(error), 140)
        cause = f"raises {type(error).__name__}" + (f" at {place}" if place else "") + (f": {said}" if said else "")
        remedy = "give inputs that it accepts, see docs/inputs.md"
        if isinstance(error, KeyError):
            remedy = f"it is called with a mapping of {', '.join(map(repr, arrays))}"
        failed = ModelError(cause, code="E_RUN", remedy=remedy, subject=self._name)
        failed.traceback = traceback_lines(error)
        return failed


def _check_arguments(function: Callable[..., Any]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a function of an extension, which need not tell
        return
    try:
        signature.bind({})
    except TypeError:
        raise ConfigError(
            f"takes {printable(str(signature), 80)}, and is called with one argument",
            remedy="take a mapping of arrays by input name",
        ) from None


def _place(error: BaseException, import_paths: Sequence[str]) -> str:
    """Return ``refs.py:12``, the last line of the owner's repository that *error* came through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if any(frame.filename.startswith(path + os.sep) for path in import_paths)]
    return f"{os.path.basename(own[-1].filename)}:{own[-1].lineno}" if own else ""
