"""Which format a report file gets: one entry per extension."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Protocol, cast

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.registry import nearest
from pytest_onnxaccel.core.results import CheckResult, Json

#: Module with a :class:`Writer` named ``write``, by extension; imported when such a file is asked for.
WRITERS = {
    ".json": "pytest_onnxaccel.report.json_report",
}


class Writer(Protocol):
    """Writes one report file; raises ConfigError when it cannot."""

    def __call__(
        self,
        path: str | os.PathLike[str],
        results: Iterable[CheckResult],
        run: Mapping[str, Json],
        models: Iterable[Mapping[str, Json]] = (),
    ) -> None:
        """See :func:`pytest_onnxaccel.report.json_report.write`."""


def writer_for(path: str | os.PathLike[str]) -> Writer:
    """Return the writer for *path*, by its extension in either case.

    Raises:
        ConfigError: no report has that extension; the nearest and the known ones are named.
    """
    extension = os.path.splitext(os.fspath(path))[1].lower()
    module = WRITERS.get(extension)
    if module is None:
        known = f"known: {', '.join(WRITERS)}"
        near = nearest(extension, list(WRITERS))
        raise ConfigError(
            f"no report format has the extension {extension!r}" if extension else "a report needs an extension",
            subject=os.fspath(path),
            remedy=near if near == known else f"{near} ({known})",
        )
    return cast(Writer, import_module(module).write)
