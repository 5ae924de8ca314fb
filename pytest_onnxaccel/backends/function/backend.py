"""A function of the owner's as a runtime: what a model was converted from, in whatever library it computes.

Importing this needs nothing: a worker imports the function.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_onnxaccel.backends.protocol import Availability, LoadOptions, Session

#: Kind of a source that is no source: a function that compares outputs.
COMPARISON = "comparison"


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

        A source of the kind ``comparison`` makes it one that is given two arrays and says whether they agree.

        Raises:
            ConfigError: it is not there, or cannot be called with one argument.
        """
        if options.source is not None and options.source.kind == COMPARISON:
            from pytest_onnxaccel.backends.function.comparison import open_comparison

            return open_comparison(path, options.source)
        from pytest_onnxaccel.backends.function.session import open_session

        return open_session(path, options)
