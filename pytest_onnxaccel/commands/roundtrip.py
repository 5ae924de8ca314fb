"""``python -m pytest_onnxaccel roundtrip``: converts a source leg by leg and compares every stop."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from pytest_onnxaccel.commands.shared import compare_argument, compared, plain, run_options

#: What ``--help`` says of it.
HELP = "convert a source leg by leg, and compare every stop"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``roundtrip``."""
    parser.description = (
        "Convert SOURCE to the first kind, the result to the second and so on, run every stop on the same samples, and "
        "name the first leg that changes the model. Nothing is written. Exit status: 0 when every leg agrees, 1 when "
        "one does not or cannot be taken, 2 for a wrong command."
    )
    parser.add_argument("source", metavar="SOURCE", help="a file or folder; its kind is found from its content")
    parser.add_argument("--through", metavar="KINDS", default="onnx,pb,onnx", help="default: onnx,pb,onnx")
    parser.add_argument("--loader", metavar="MODULE:CALLABLE", help="builds the module of a file of weights")
    parser.add_argument(
        "--input",
        metavar="NAME:DTYPE:SHAPE",
        action="append",
        default=[],
        help="an input that the source does not declare, such as X:0:float32:?; repeatable, in order",
    )
    parser.add_argument("--outputs", metavar="NAMES", default="", help="names of the outputs, separated by commas")
    parser.add_argument("--rtol", metavar="NUMBER", type=float, help="default: rounding and measured noise")
    parser.add_argument("--atol", metavar="NUMBER", type=float, help="default: rounding and measured noise")
    compare_argument(parser)


def run(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    """Make the round trip and return the exit status.

    Args:
        show: prints.

    Raises:
        OnnxAccelError: the source cannot be read.
    """
    from pytest_onnxaccel.core.results import Verdict
    from pytest_onnxaccel.core.specs import SourceSpec, Tolerance
    from pytest_onnxaccel.runner.conversion.convert import input_specs
    from pytest_onnxaccel.runner.conversion.round_trip import round_trip

    result = round_trip(
        SourceSpec(os.path.abspath(given.source), given.source, given.loader, origin="the command line"),
        [name.strip() for name in given.through.split(",") if name.strip()],
        inputs=input_specs(given.input),
        outputs=[name.strip() for name in given.outputs.split(",") if name.strip()],
        tolerance=Tolerance(given.rtol, given.atol, "the command line"),
        options=run_options(given),
        compare=compared(given),
    )
    show(plain([f"{result.verdict}: {result.message}", *(f"  {line}" for line in (*result.details, *result.notes))]))
    return 0 if result.verdict is Verdict.PASSED else 1
