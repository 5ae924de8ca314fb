"""``python -m pytest_onnxaccel convert``: writes what a source is converted to, proven."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from pytest_onnxaccel.commands.shared import compare_argument, compared, plain, positive, run_options

#: What ``--help`` says of it.
HELP = "convert a source to ONNX, and prove it"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``convert``."""
    parser.description = (
        "Convert SOURCE (.pth, .pt, .pt2, .pb, .meta, .keras, .h5, .tflite, a SavedModel's folder or .onnx) and write "
        "it after proving that it gives the same results. Exit status: 0 when it is written, 1 when it cannot "
        "be converted or proven, 2 for a wrong command."
    )
    parser.add_argument("source", metavar="SOURCE", help="a file or folder; its kind is found from its content")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help=".onnx, .pb, or a folder: a SavedModel; default: SOURCE's name with -batch-N, in the same folder",
    )
    parser.add_argument("--loader", metavar="MODULE:CALLABLE", help="builds the module of a file of weights")
    parser.add_argument("--batch", metavar="N|dynamic", help="default: the batch of the source or its inputs")
    parser.add_argument(
        "--input",
        "--inputs",
        dest="input",
        metavar="NAME:DTYPE:SHAPE|NAMES",
        action="append",
        default=[],
        help="an input that the source does not declare, such as input:float32:1x3x240x320, or tensors of a graph, "
        "such as X:0,X1:0; repeatable, in order",
    )
    parser.add_argument("--outputs", metavar="NAMES", default="", help="names for the outputs, separated by commas")
    # Constants are folded in any case
    parser.add_argument("--fold_const", "--fold-const", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--device", metavar="NAME", default="", help="where PyTorch exports, such as cuda; default: cpu"
    )
    parser.add_argument(
        "--exporter", choices=("dynamo", "torchscript"), default="", help="exporter of PyTorch; default: dynamo"
    )
    parser.add_argument("--opset", metavar="N", type=positive, help="default: the best one of the converter")
    parser.add_argument(
        "--signature", metavar="NAME", default="", help="signature of a SavedModel; default: serving_default"
    )
    parser.add_argument("--trust", metavar="NAME", action="append", default=[], help="name that a pickle may refer to")
    parser.add_argument("--rtol", metavar="NUMBER", type=float, help="of the proof; default: rounding and noise")
    parser.add_argument("--atol", metavar="NUMBER", type=float, help="of the proof; default: rounding and noise")
    compare_argument(parser)


def run(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    """Convert the source and return the exit status.

    Args:
        show: prints.

    Raises:
        OnnxAccelError: it cannot be converted or proven.
    """
    from pytest_onnxaccel.core.specs import Tolerance
    from pytest_onnxaccel.runner.conversion.convert import batch_of, convert_source

    saved = convert_source(
        given.source,
        given.output,
        loader=given.loader,
        batch=batch_of(given.batch) if given.batch else None,
        inputs=given.input,
        outputs=[name.strip() for name in given.outputs.split(",") if name.strip()],
        exporter=given.exporter,
        opset=given.opset,
        signature=given.signature,
        device=given.device,
        trusted=given.trust,
        tolerance=Tolerance(given.rtol, given.atol, "the command line"),
        options=run_options(given),
        compare=compared(given),
    )
    show(plain(saved.lines()))
    return 0
