"""The files that ``report``, ``compare`` and ``merge`` write."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pytest_onnxaccel.core.printing import escaped

if TYPE_CHECKING:
    from pytest_onnxaccel.report.run_report import RunReport


def check_names(paths: Iterable[str]) -> None:
    """Refuse a wrong extension before anything is read.

    Raises:
        ConfigError: there is no format of that extension, or its libraries are missing.
    """
    from pytest_onnxaccel.report.formats import renderer_for

    for path in paths:
        renderer_for(path)


def write_pages(paths: Iterable[str], report: RunReport, show: Callable[[str], object]) -> None:
    """Write *report* to each of *paths*, in the format of its extension, and print where.

    Raises:
        ConfigError: a file cannot be written.
    """
    from pytest_onnxaccel.report.formats import write_report

    for path in paths:
        write_report(path, report)
        show(f"report: {escaped(os.fspath(path))}")
