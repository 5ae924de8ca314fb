"""What a check of another distribution is given, and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array, Session
    from pytest_onnxaccel.core.results import CheckResult, Json
    from pytest_onnxaccel.core.specs import ModelInfo


class CheckContext(Protocol):
    """One question: this check, of one model, on one backend where its scope has one.

    A check may raise :class:`~pytest_onnxaccel.core.errors.OnnxAccelError`, and lets pass what the methods raise: it
    becomes the check's result. Any other exception does too, as an error of the check.
    """

    @property
    def model(self) -> str:
        """Name of the model."""
        ...

    @property
    def backend(self) -> str:
        """Name of the backend that is judged; empty in a check of the scope ``model``."""
        ...

    @property
    def batch(self) -> int | None:
        """Batch size that is asked for; None for the model's own."""
        ...

    @property
    def info(self) -> ModelInfo:
        """What the model declares: inputs, outputs, opsets, number of nodes by operator."""
        ...

    @property
    def path(self) -> str:
        """The model's private copy. Parse it by :meth:`in_worker` alone: it may be hostile."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """The table ``[models.NAME.checks.CHECK]`` of the manifest; empty where there is none."""
        ...

    def in_worker(self, function: Callable[..., Any], **arguments: Json) -> Any:
        """Call ``function(path, **arguments)`` in a confined worker; what goes in and comes out is JSON.

        Args:
            function: at the top level of a module that can be imported, and not of the check's own test.
            arguments: keyword arguments of *function*.
        """
        ...

    def session(self, backend: str = "") -> Session:
        """Return the model running in *backend*, by default the one that is judged."""
        ...

    def feeds(self, index: int = 0) -> Mapping[str, Array]:
        """Sample number *index*, as every other check feeds it: legal arrays by input name."""
        ...

    def passed(self, message: str, **more: Any) -> CheckResult:
        """Return a pass with *message*.

        *more* are fields of the result: ``figures``, ``details``, ``notes``, ``warnings``.
        """
        ...

    def failed(self, code: str, message: str, **more: Any) -> CheckResult:
        """Return a failure: *message* says what was asked, what is, what to do; *code* begins with ``V_``."""
        ...

    def inconclusive(self, code: str, message: str, **more: Any) -> CheckResult:
        """Return that the measurement cannot decide."""
        ...

    def not_applicable(self, code: str, message: str, **more: Any) -> CheckResult:
        """Return that the check does not apply to this model, for the reason in *message*."""
        ...
