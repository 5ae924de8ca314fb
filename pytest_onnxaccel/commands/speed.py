"""``python -m pytest_onnxaccel speed``: a table of the ways to run a model, timed in one run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from pytest_onnxaccel.commands.shared import live_line, positive, run_options

#: What ``--help`` says of it.
HELP = "a table of the ways to run a model, timed in turn"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``speed``."""
    parser.description = (
        "Time MODEL in its source framework, in TensorFlow through onnx-tf, in the runtime as it is shipped, and in "
        "the runtime as advised: all in turn in one run, so that they have the same neighbours. A way that is not here "
        "is a row that says how to get it. What was measured is kept until the table is done: run the command again "
        "to continue after an interruption. Exit status: 0 when there is a table, 1 when the model does not run, 2 for "
        "a wrong command."
    )
    parser.add_argument("model", metavar="MODEL", help="an .onnx file, which is left as it is")
    parser.add_argument(
        "--source", metavar="FILE|FUNCTION", help="what it was converted from; default: that of the manifest"
    )
    parser.add_argument("--loader", metavar="MODULE:CALLABLE", help="builds the module of a source of weights")
    parser.add_argument("--trust", metavar="NAME", action="append", default=[], help="name that a pickle may refer to")
    parser.add_argument("--backend", metavar="NAME", default="ort-cpu", help="the runtime; default: ort-cpu")
    parser.add_argument("--threads", metavar="N", type=positive, help="for each of them; default: their own")
    parser.add_argument("--seconds", metavar="S", type=_seconds, default=100.0, help="of the whole; default: about 100")
    parser.add_argument("--samples", metavar="N", type=positive, default=80, help="of each, at most; default: 80")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the inputs; default: 0")
    parser.add_argument("--manifest", metavar="FILE", help="an onnxaccel.toml with the model's inputs and source")
    parser.add_argument("--report", metavar="FILE", help="JSON report that the table is written or added to")
    parser.add_argument("--state", metavar="FILE", help="what an interrupted run continues from; default: in the cache")
    parser.add_argument("--afresh", action="store_true", help="forget what an interrupted run measured")


def run(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    """Make the table, print it, and write the report.

    Args:
        show: prints.

    Raises:
        OnnxAccelError: the model does not run, or a file cannot be written.
    """
    from dataclasses import replace

    from pytest_onnxaccel.report.speed_table import check_target, speed_lines, write_speed
    from pytest_onnxaccel.runner.conversion.freeze import spec_of
    from pytest_onnxaccel.runner.speed.run import SpeedRequest, speed
    from pytest_onnxaccel.runner.speed.ways import source_of

    if given.report:
        check_target(given.report)
    spec = spec_of(given.model, given.manifest)
    source = source_of(given.source, given.loader, tuple(given.trust))
    options = run_options(given, given.seed)
    say = live_line()
    state = Path(given.state) if given.state else None
    asked = SpeedRequest(
        replace(spec, source=source or spec.source),
        given.backend,
        given.threads,
        given.seconds,
        given.samples,
        state,
        given.afresh,
    )
    try:
        table = speed(asked, options, say)
    except KeyboardInterrupt:
        say("")
        print("interrupted: what was measured is kept, run the command again to continue", file=sys.stderr)
        return 130
    say("")
    show("\n".join(speed_lines(table)))
    if given.report:
        write_speed(given.report, [table])
    return 0


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return found
