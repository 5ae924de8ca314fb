"""``python -m pytest_onnxaccel record``: stores inputs and correct outputs as golden data."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from pytest_onnxaccel.commands.shared import plain, positive, run_options
from pytest_onnxaccel.core.errors import ConfigError

#: What ``--help`` says of it.
HELP = "store inputs and their correct outputs as golden data"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``record``."""
    parser.description = (
        "Run the source of MODEL on a few inputs and, if MODEL agrees with it, store the inputs and outputs as golden "
        "data, to check MODEL where the framework is missing. Exit status: 0 when it is written, 1 when the two do not "
        "agree or one cannot be run, 2 for a wrong command."
    )
    parser.add_argument("model", metavar="MODEL", help="an .onnx file")
    parser.add_argument(
        "--reference",
        metavar="NAME|PATH|FUNCTION",
        help="a source, another .onnx file, a backend, or package.module:function; default: MODEL itself",
    )
    parser.add_argument("--loader", metavar="MODULE:CALLABLE", help="builds the module of a source of weights")
    parser.add_argument("--trust", metavar="NAME", action="append", default=[], help="name that a pickle may refer to")
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", help="default: MODEL's name with .golden, in the same folder"
    )
    parser.add_argument("--samples", metavar="N", type=positive, default=3, help="default: 3")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="seed of the inputs; default: 0")
    parser.add_argument(
        "--max-size", metavar="SIZE", default="10MB", help="limit of both files together; default: 10MB"
    )
    parser.add_argument("--backend", metavar="NAME", help="where MODEL runs; default: the first one that runs here")
    parser.add_argument("--manifest", metavar="FILE", help="an onnxaccel.toml with the model's inputs and tolerances")
    parser.add_argument("--rtol", metavar="NUMBER", type=float, help="stored as the limit; default: measured")
    parser.add_argument("--atol", metavar="NUMBER", type=float, help="stored as the limit; default: measured")


def run(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    """Record golden data and return the exit status.

    Args:
        show: prints.

    Raises:
        OnnxAccelError: a model cannot be run, or the two do not agree.
    """
    from dataclasses import replace

    from pytest_onnxaccel.config.layers import tolerance
    from pytest_onnxaccel.config.units import size_bytes
    from pytest_onnxaccel.runner.conversion.freeze import spec_of
    from pytest_onnxaccel.runner.golden_record import record_golden
    from pytest_onnxaccel.runner.references import referring
    from pytest_onnxaccel.runner.request import GOLDEN

    if given.reference == GOLDEN:
        raise ConfigError("golden data cannot be recorded of golden data", remedy="name the source, or no reference")
    options = run_options(given, given.seed)
    spec = referring(spec_of(given.model, given.manifest), given.reference, given.loader, tuple(given.trust))
    said = "the command line"
    spec = replace(
        spec,
        backends=(given.backend,) if given.backend else spec.backends,
        tolerance=tolerance(spec.tolerance, given.rtol, given.atol, said, said),
    )
    saved = record_golden(spec, given.output, given.samples, size_bytes(given.max_size), options)
    show(plain(saved.lines()))
    return 0
