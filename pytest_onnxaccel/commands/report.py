"""``python -m pytest_onnxaccel report``: another page of a report that was kept."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

from pytest_onnxaccel.commands.pages import check_names, write_pages

#: What ``--help`` says of it.
HELP = "make another page of a report that was kept"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``report``."""
    parser.description = (
        "Write the kept JSON report FILE again in another format, by the extension of the output: .html, .md or "
        ".json. Exit status: 0 when it is written, 2 for a wrong command."
    )
    parser.add_argument("file", metavar="FILE", help="a JSON report")
    parser.add_argument("-o", "--output", metavar="FILE", action="append", required=True, help="repeatable")
    parser.add_argument("--baseline", metavar="FILE", help="an older JSON report to compare with")


def run(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    """Write the pages and return the exit status.

    Args:
        show: prints.

    Raises:
        ConfigError: a file cannot be read or written, or is not a report.
    """
    from pytest_onnxaccel.report.comparison.compare import compare
    from pytest_onnxaccel.report.run_report import read_report

    check_names(given.output)
    report = read_report(given.file)
    if given.baseline:
        found = compare(read_report(given.baseline), report, given.baseline)
        report = replace(report, comparison=found.to_json())
    write_pages(given.output, report, show)
    return 0
