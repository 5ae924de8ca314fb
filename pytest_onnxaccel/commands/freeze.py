"""``python -m pytest_onnxaccel freeze``: writes a model at another batch size, proven."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from pytest_onnxaccel.commands.shared import plain, positive, run_options
from pytest_onnxaccel.core.errors import ConfigError

#: What ``--help`` says of it.
HELP = "freeze a model to another batch size, and prove it"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``freeze``."""
    parser.description = (
        "Write a copy of MODEL frozen to batch N, after proving that N distinct samples at once give the "
        "same results as each of them alone. Exit status: 0 when it is proven and written, 1 when nothing can be "
        "proven, 2 for a wrong command."
    )
    parser.add_argument("model", metavar="MODEL", help="an .onnx file, which is not changed")
    parser.add_argument("--batch", metavar="N", type=positive, required=True, help="batch size of the new file")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="default: MODEL's name with -batch-N, in the same folder"
    )
    parser.add_argument("--backend", metavar="NAME", help="backend of the proof; default: the first one that runs here")
    parser.add_argument(
        "--method",
        choices=("auto", "re-export", "fixed", "dims", "rewrite", "scan", "unroll"),
        default="auto",
        help="default: auto, the cheapest one that can be proven",
    )
    parser.add_argument("--manifest", metavar="FILE", help="an onnxaccel.toml with the model's inputs and tolerances")
    parser.add_argument("--source", metavar="FILE", help="what the model was converted from, to export it again")
    parser.add_argument("--loader", metavar="MODULE:CALLABLE", help="builds the module of a source of weights")


def run(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    """Freeze the model and return the exit status.

    Args:
        show: prints.

    Raises:
        OnnxAccelError: it cannot be frozen, or nothing can be proven.
    """
    from dataclasses import replace

    from pytest_onnxaccel.core.specs import SourceSpec
    from pytest_onnxaccel.runner.conversion.freeze import default_output, refreeze, spec_of

    source = None
    options = run_options(given)
    if given.source:
        source = SourceSpec(os.path.abspath(given.source), given.source, given.loader, origin="--source")
    elif given.loader:
        raise ConfigError("--loader is given without --source", remedy="name the file that it builds the module of")
    spec = spec_of(given.model, given.manifest)
    spec = replace(spec, backends=(given.backend,) if given.backend else spec.backends, source=source or spec.source)
    output = given.output or default_output(given.model, given.batch)
    saved = refreeze(spec, given.batch, output, given.method, options)
    show(plain(saved.lines()))
    return 0
