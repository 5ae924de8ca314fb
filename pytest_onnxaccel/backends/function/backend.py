"""A function of the owner's as a runtime: what a model was converted from, in whatever library it computes.

Importing this needs nothing: a worker imports the function.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_onnxaccel.backends.protocol import Availability, LoadOptions, Session


class FunctionBackend:
    """The backend ``function``: ``package.module:function``, arrays by input name to arrays by output name."""

    name = "function"
    role = "source"
    environment = ""
    keep_worker = True
    complete = False
    preload = ("numpy",)
    kinds = ("function",)

    def availability(self) -> Availability:
        """Return that it runs; the function's module imports what it needs."""
        return Availability(True, devices=("cpu",))

    def prepare(self, operators: Mapping[str, int], opset: int) -> str:
        return ""

    def load(self, path: str, options: LoadOptions) -> Session:
        """Import the function that *path* names; called in a worker.

        Raises:
            ConfigError: it is not there, or cannot be called with one argument.
        """
        from pytest_onnxaccel.backends.function.session import open_session

        return open_session(path, options)
