"""How a worker ended, as an error that says so."""

from __future__ import annotations

import contextlib
import signal

from pytest_onnxaccel.core.errors import BackendCrashed

_REMEDY = "the model kills this runtime: rebuild it, or report it to the runtime"


def death_of(nonsense: Exception | None, status: int | None, last: str, failure: str, where: str) -> BackendCrashed:
    """Return the error of a worker that is gone.

    Args:
        nonsense: what it answered, where it had to be ended; None where it ended by itself.
        status: as ``Popen.returncode``.
        last: the last line that it printed.
        failure: why there never was such a process; empty where there was.
        where: stage and backend.
    """
    if failure and not status:
        return BackendCrashed(f"the worker could not be started: {failure}", where=where)
    last = last or failure
    after = f": {last}" if last else ""
    if nonsense is not None:
        cause = f"the worker no longer answers as it should ({nonsense}) and was ended"
        return BackendCrashed(cause + after, where=where, remedy=_REMEDY)
    if status is not None and status < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-status).name
            return BackendCrashed(f"the runtime died of {name}{after}", where=where, remedy=_REMEDY)
    return BackendCrashed(f"the worker ended by itself with status {status}{after}", where=where, remedy=_REMEDY)
