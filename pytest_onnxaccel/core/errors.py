"""The errors of this package: each says what was asked, what is, and what to do.

Every error that concerns a model file is shown as one line (:func:`refusal`), printable and short, because the
text of a runtime's message comes from the model and may hold anything.
"""

from __future__ import annotations

import errno
from typing import Any

from pytest_onnxaccel.core.printing import LIMIT, local, near
from pytest_onnxaccel.core.printing import printable as printable

#: Longest line that a refusal may take, in characters.
REFUSAL_LIMIT = LIMIT


class OnnxAccelError(Exception):
    """Root of this package's errors.

    Args:
        cause: what is wrong, in one clause.
        code: stable code from the documented table (``E_FILE``, ``E_CRASH`` ...).
        remedy: what the reader can do about it.
        subject: the model path or name as the user gave it.
        where: the circumstances (stage, backend, limit) in a few words.
    """

    code = "E_ERROR"

    def __init__(
        self,
        cause: str,
        *,
        code: str | None = None,
        remedy: str = "",
        subject: str = "",
        where: str = "",
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.code = code or type(self).code
        self.remedy = remedy
        self.subject = subject
        self.where = where
        #: The backend that refused or failed, where the error came out of one.
        self.backend = ""
        #: Lines of the traceback of what was not expected, where it comes from such.
        self.traceback: tuple[str, ...] = ()

    def about(self, subject: str) -> OnnxAccelError:
        """Return the same error, naming *subject* where it named nothing before."""
        if not self.subject:
            self.subject = subject
        return self

    def __str__(self) -> str:
        return refusal(self.code, self.subject, self.cause, self.where, self.remedy)

    def to_json(self) -> dict[str, Any]:
        """Return it in builtins only, to send between a worker and its host."""
        return {
            "kind": type(self).__name__,
            "cause": self.cause,
            "code": self.code,
            "remedy": self.remedy,
            "subject": self.subject,
            "where": self.where,
            "traceback": list(self.traceback),
        }


class ConfigError(OnnxAccelError):
    """A setting, marker or manifest entry that cannot be used as it stands."""

    code = "E_CONFIG"


class ModelError(OnnxAccelError):
    """A model file that cannot be used, or inputs that do not fit it."""

    code = "E_PARSE"


class NoBaseline(ModelError):
    """A revision that does not hold the model's file: a new model has nothing to be slower than."""

    code = "E_FILE"


class ConversionError(OnnxAccelError):
    """A model that a converter cannot take, with the operator or opset that stops it."""

    code = "E_CONVERT"


class BackendUnavailable(OnnxAccelError):
    """A backend that does not run here: the reason and the one command that fixes it."""

    code = "E_BACKEND"


class BackendCrashed(OnnxAccelError):
    """The worker of a backend died: stage, signal and the last line of its log."""

    code = "E_CRASH"


class BackendTimedOut(OnnxAccelError):
    """A stage of a backend went past its time limit and the worker was ended."""

    code = "E_TIMEOUT"


class OutOfMemory(OnnxAccelError):
    """A stage of a backend went past its memory limit and the worker was ended."""

    code = "E_MEMORY"


class CheckFailure(AssertionError):
    """A check's verdict is *failed*.

    ``result`` is its :class:`~pytest_onnxaccel.core.results.CheckResult`, or the report of a comparison; ``report``
    is the latter, None where the check has none.
    """

    def __init__(self, result: Any, report: Any = None) -> None:
        super().__init__(str(result))
        self.result = result
        self.report = report


_KINDS: dict[str, type[OnnxAccelError]] = {
    kind.__name__: kind
    for kind in (
        OnnxAccelError,
        ConfigError,
        ModelError,
        NoBaseline,
        ConversionError,
        BackendUnavailable,
        BackendCrashed,
        BackendTimedOut,
        OutOfMemory,
    )
}


def error_from_json(data: dict[str, Any]) -> OnnxAccelError:
    """Return the error that :meth:`OnnxAccelError.to_json` described; unknown kinds become the root class."""
    kind = _KINDS.get(str(data.get("kind")), OnnxAccelError)
    error = kind(
        str(data.get("cause", "unknown")),
        code=str(data.get("code") or kind.code),
        remedy=str(data.get("remedy", "")),
        subject=str(data.get("subject", "")),
        where=str(data.get("where", "")),
    )
    told = data.get("traceback")
    error.traceback = tuple(map(str, told)) if isinstance(told, list) else ()
    return error


def to_write(error: BaseException, otherwise: str = "fix the folder's permissions") -> str:
    """Return what to do about a file that could not be written: *otherwise*, unless the disk is full or read-only."""
    remedies = {
        errno.ENOSPC: "make room on the disk",
        errno.EDQUOT: "make room within the disk quota",
        errno.EROFS: "write to a disk that is not read-only",
        errno.EEXIST: "a part of the path is a file: name a folder",
        errno.ENOTDIR: "a part of the path is a file: name a folder",
    }
    return remedies.get(getattr(error, "errno", None) or 0, otherwise)


def refusal(code: str, subject: str, cause: str, where: str = "", remedy: str = "") -> str:
    """Return one line of at most :data:`REFUSAL_LIMIT` characters: ``onnxaccel[CODE] subject: cause (where) - remedy``.

    The cause is cut first when it is too long, and the remedy only when both are: half a command helps nobody.
    """
    head = f"onnxaccel[{printable(code, 24)}] " + (f"{near(subject)}: " if subject else "")
    tail = (f" ({printable(where, 60)})" if where else "") + (f" - {printable(remedy, 160)}" if remedy else "")
    room = max(60, REFUSAL_LIMIT - len(head) - len(tail))
    return printable(head + printable(local(cause), room) + tail)
