"""``python -m pytest_onnxaccel merge``: joins the reports of the parts of one run."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from pytest_onnxaccel.commands.pages import check_names, write_pages

#: What ``--help`` says of it.
HELP = "join the reports of the parts of one run"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``merge``."""
    parser.description = (
        "Join the JSON reports of the parts that one run was split into. Exit status: 0 when it is written, 2 for a "
        "wrong command."
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="JSON reports")
    parser.add_argument(
        "-o", "--output", metavar="FILE", action="append", required=True, help=".json, .html or .md; repeatable"
    )


def run(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    """Write the joined report and return the exit status.

    Args:
        show: prints.

    Raises:
        ConfigError: a file cannot be read or written, or is not a report of the same run.
    """
    from pytest_onnxaccel.report.merging import merge
    from pytest_onnxaccel.report.run_report import read_report

    check_names(given.output)
    write_pages(given.output, merge([(os.fspath(file), read_report(file)) for file in given.files]), show)
    return 0
