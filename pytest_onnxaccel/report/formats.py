"""Which format a report file gets: one entry per extension."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup.registry import nearest
from pytest_onnxaccel.report.json_report import replace_text

if TYPE_CHECKING:
    from pytest_onnxaccel.report.run_report import RunReport

#: Module with a :class:`Renderer` named ``render``, by extension; imported when such a file is asked for.
RENDERERS = {
    ".json": "pytest_onnxaccel.report.json_page",
    ".md": "pytest_onnxaccel.report.markdown.page",
    ".html": "pytest_onnxaccel.report.html.page",
}


class Renderer(Protocol):
    """Makes the text of one report file."""

    def __call__(self, report: RunReport) -> str:
        """Return the text; raises ConfigError where a library is missing."""


def renderer_for(path: str | os.PathLike[str]) -> Renderer:
    """Return what makes the text of *path*, by its extension in either case.

    Raises:
        ConfigError: no report has that extension; the nearest and the known ones are named.
    """
    extension = os.path.splitext(os.fspath(path))[1].lower()
    module = RENDERERS.get(extension)
    if module is None:
        known = f"known: {', '.join(RENDERERS)}"
        near = nearest(extension, list(RENDERERS))
        raise ConfigError(
            f"no report format has the extension {extension!r}" if extension else "a report needs an extension",
            subject=os.fspath(path),
            remedy=near if near == known else f"{near} ({known})",
        )
    return cast(Renderer, import_module(module).render)


def write_report(path: str | os.PathLike[str], report: RunReport) -> None:
    """Write *report* to *path* in the format of its extension, whole or not at all; missing folders are made.

    Raises:
        ConfigError: the extension is unknown, a library is missing, or the file cannot be written.
    """
    replace_text(path, renderer_for(path)(report))
