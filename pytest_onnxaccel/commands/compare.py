"""``python -m pytest_onnxaccel compare``: what changed between two kept reports."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

from pytest_onnxaccel.commands.pages import check_names, write_pages
from pytest_onnxaccel.commands.shared import plain

#: What ``--help`` says of it.
HELP = "compare two kept reports"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``compare``."""
    parser.description = (
        "Say what changed from the JSON report OLD to NEW: errors that grew, ratios measured in one run, findings, "
        "what the inputs reach, checks that are gone; never milliseconds. Exit status: 0 when nothing grew worse, 1 "
        "when something did, 2 for a wrong command."
    )
    parser.add_argument("old", metavar="OLD", help="a JSON report: the baseline")
    parser.add_argument("new", metavar="NEW", help="a JSON report: what is judged")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        action="append",
        default=[],
        help="also write the report NEW with the comparison, as .html, .md or .json; repeatable",
    )


def run(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    """Print what changed, write the pages, and return the exit status.

    Args:
        show: prints.

    Raises:
        ConfigError: a file cannot be read or written, or is not a report.
    """
    from pytest_onnxaccel.report.comparison.compare import compare
    from pytest_onnxaccel.report.run_report import read_report

    check_names(given.output)
    report = read_report(given.new)
    found = compare(read_report(given.old), report, given.old)
    show(plain(found.lines()))
    write_pages(given.output, replace(report, comparison=found.to_json()), show)
    return 1 if found.worse else 0
