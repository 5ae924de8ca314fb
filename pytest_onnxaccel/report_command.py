"""``python -m pytest_onnxaccel report``, ``compare`` and ``merge``: pages of runs that are over."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace

#: Names of the commands.
COMMANDS = ("report", "compare", "merge")


def arguments(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the three commands.

    Args:
        add: makes the parser of a command, by its name.
    """
    report = add("report", help="make another page of a report that was kept")
    report.description = (
        "Write the kept JSON report FILE again in another format, by the extension of the output: .html, .md or "
        ".json. Exit status: 0 when it is written, 2 for a wrong command."
    )
    report.add_argument("file", metavar="FILE", help="a JSON report")
    report.add_argument("-o", "--output", metavar="FILE", action="append", required=True, help="repeatable")
    report.add_argument("--baseline", metavar="FILE", help="an older JSON report to compare with")
    compare = add("compare", help="compare two kept reports")
    compare.description = (
        "Say what changed from the JSON report OLD to NEW: errors that grew, ratios measured in one run, findings, "
        "what the inputs reach, checks that are gone; never milliseconds. Exit status: 0 when nothing grew worse, 1 "
        "when something did, 2 for a wrong command."
    )
    compare.add_argument("old", metavar="OLD", help="a JSON report: the baseline")
    compare.add_argument("new", metavar="NEW", help="a JSON report: what is judged")
    compare.add_argument(
        "-o", "--output", metavar="FILE", action="append", default=[],
        help="also write the report NEW with the comparison, as .html, .md or .json; repeatable",
    )  # fmt: skip
    merge = add("merge", help="join the reports of the parts of one run")
    merge.description = (
        "Join the JSON reports of the parts that one run was split into. Exit status: 0 when it is written, 2 for a "
        "wrong command."
    )
    merge.add_argument("files", metavar="FILE", nargs="+", help="JSON reports")
    merge.add_argument(
        "-o", "--output", metavar="FILE", action="append", required=True, help=".json, .html or .md; repeatable"
    )


def run(given: argparse.Namespace, show: Callable[[str], None]) -> int:
    """Run one of the commands.

    Args:
        given: its arguments.
        show: prints.

    Raises:
        ConfigError: a file cannot be read or written, or is not a report.
    """
    from pytest_onnxaccel.core.printing import escaped
    from pytest_onnxaccel.report.comparison.compare import compare
    from pytest_onnxaccel.report.formats import renderer_for, write_report
    from pytest_onnxaccel.report.merging import merge
    from pytest_onnxaccel.report.run_report import read_report

    for output in given.output:
        renderer_for(output)  # a wrong extension is told before anything is read
    status = 0
    if given.command == "merge":
        report = merge([(os.fspath(file), read_report(file)) for file in given.files])
    elif given.command == "report":
        report = read_report(given.file)
    else:
        report = read_report(given.new)
    baseline = given.old if given.command == "compare" else getattr(given, "baseline", None)
    if baseline:
        found = compare(read_report(baseline), report, baseline)
        report = replace(report, comparison=found.to_json())
        if given.command == "compare":
            show("\n".join(escaped(line) for line in found.lines()))
            status = 1 if found.worse else 0
    for output in given.output:
        write_report(output, report)
        show(f"report: {escaped(os.fspath(output))}")
    return status
