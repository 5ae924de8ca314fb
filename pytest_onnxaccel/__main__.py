"""``python -m pytest_onnxaccel``: ``convert``, ``doctor``, ``env``, ``freeze``, ``record``, ``roundtrip`` ..."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from pytest_onnxaccel import report_command, speed_command
from pytest_onnxaccel.core.errors import ConfigError, OnnxAccelError, refusal
from pytest_onnxaccel.core.printing import escaped

_PROG = "python -m pytest_onnxaccel"
#: Commands that take long without a word of their own.
_LIVE = ("convert", "freeze", "record", "roundtrip")
#: Commands that open models.
_OPENING = ("convert", "freeze", "record", "roundtrip", "speed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = _parser().parse_args(arguments)
    if given.command in _LIVE:
        from pytest_onnxaccel.report.terminal.live_line import OnStderr

        with OnStderr(given.command) as line:

            def show(text: str) -> None:
                line.stop()
                _show(text)

            return _run(given, show, line.stop)
    return _run(given, _show, lambda: None)


def _run(given: argparse.Namespace, show: Callable[[str], object], clean: Callable[[], object]) -> int:
    """Run one command and return its exit status.

    Args:
        show: prints what it found.
        clean: ends the line that says how far it is.
    """
    try:
        if given.command == "doctor":
            return _doctor(given.json, not given.no_probe)
        if given.command == "freeze":
            return _freeze(given, show)
        if given.command == "convert":
            return _convert(given, show)
        if given.command == "record":
            return _record(given, show)
        if given.command == "roundtrip":
            return _roundtrip(given, show)
        if given.command == "speed":
            return speed_command.run(given, _walls(given), _show)
        if given.command in report_command.COMMANDS:
            return report_command.run(given, _show)
        return _path(given.name) if given.path else _env(given.name, given.rebuild, given.gpu)
    except OnnxAccelError as error:
        clean()
        error.remedy = error.remedy.replace("--onnx-timeout", "--timeout")  # as the commands call it
        print(error, file=sys.stderr)
        return 2 if given.command in (*_OPENING, *report_command.COMMANDS) and isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        clean()
        print("interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        clean()
        print(refusal("E_FILE", "", str(error)), file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_PROG, description="Tools that come with the pytest plugin.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    doctor = commands.add_parser(
        "doctor",
        help="which backends run here, and how to fix those that do not",
        description="Try every registered backend on a small model. "
        "Exit status: 0 when a runtime works, 1 when none does.",
    )
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.add_argument("--no-probe", action="store_true", help="report what the backends say, and start none of them")
    env = commands.add_parser(
        "env",
        help="build the isolated environment of a backend",
        description="Build the environment of pinned packages that a backend such as onnx-tf runs in.",
    )
    env.add_argument("name", metavar="NAME", help="name of the environment, such as onnx-tf")
    env.add_argument("--rebuild", action="store_true", help="build it again even if it exists")
    env.add_argument("--gpu", action="store_true", help="with the packages for NVIDIA GPUs, which onnx-tf has")
    env.add_argument("--path", action="store_true", help="print its interpreter and build nothing")
    freeze = commands.add_parser(
        "freeze",
        help="freeze a model to another batch size, and prove it",
        description="Write a copy of MODEL frozen to batch N, after proving that N distinct samples at once give the "
        "same results as each of them alone. Exit status: 0 when it is proven and written, 1 when nothing can be "
        "proven, 2 for a wrong command.",
    )
    freeze.add_argument("model", metavar="MODEL", help="an .onnx file, which is not changed")
    freeze.add_argument("--batch", metavar="N", type=_positive, required=True, help="batch size of the new file")
    freeze.add_argument(
        "-o", "--output", metavar="FILE", help="default: MODEL's name with -batch-N, in the same folder"
    )
    freeze.add_argument("--backend", metavar="NAME", help="backend of the proof; default: the first one that runs here")
    freeze.add_argument(
        "--method",
        choices=("auto", "re-export", "fixed", "dims", "rewrite", "scan", "unroll"),
        default="auto",
        help="default: auto, the cheapest one that can be proven",
    )
    freeze.add_argument("--manifest", metavar="FILE", help="an onnxaccel.toml with the model's inputs and tolerances")
    freeze.add_argument("--source", metavar="FILE", help="what the model was converted from, to export it again")
    freeze.add_argument("--loader", metavar="MODULE:CALLABLE", help="builds the module of a source of weights")
    convert_arguments(commands.add_parser("convert", help="convert a source to ONNX, and prove it"))
    roundtrip_arguments(commands.add_parser("roundtrip", help="convert a source leg by leg, and compare every stop"))
    record_arguments(commands.add_parser("record", help="store inputs and their correct outputs as golden data"))
    speed_command.arguments(commands.add_parser("speed", help="a table of the ways to run a model, timed in turn"))
    report_command.arguments(commands.add_parser)
    for name in _OPENING:
        sandbox_arguments(commands.choices[name])
    return parser


def sandbox_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every command that opens models."""
    modes = ("auto", "require", "off")
    parser.add_argument("--sandbox", choices=modes, default="auto", help="how workers are confined; default: auto")
    parser.add_argument(
        "--readable",
        metavar="PATH",
        action="append",
        default=[],
        help="file or folder that workers may also read; repeatable",
    )
    parser.add_argument(
        "--timeout", metavar="DURATION", type=_seconds,
        help="limit of each stage of a worker, such as 10min; a bare number is in seconds; default: 120s",
    )  # fmt: skip


def _walls(given: argparse.Namespace) -> dict[str, Any]:
    """Return what the arguments say of the sandbox and of time, as options of a run.

    Raises:
        ConfigError: it is required and is not available.
    """
    from pytest_onnxaccel.isolation.confinement.level import insist

    insist(given.sandbox)
    walls = {"sandbox": given.sandbox, "readable": tuple(map(os.path.abspath, given.readable))}
    if given.timeout is None:
        return walls
    from dataclasses import replace

    from pytest_onnxaccel.isolation.limits import Limits

    return {**walls, "limits": replace(Limits.default(), seconds=given.timeout)}


def roundtrip_arguments(parser: argparse.ArgumentParser) -> None:
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
        "--input", metavar="NAME:DTYPE:SHAPE", action="append", default=[],
        help="an input that the source does not declare, such as X:0:float32:?; repeatable, in order",
    )  # fmt: skip
    parser.add_argument("--outputs", metavar="NAMES", default="", help="names of the outputs, separated by commas")
    parser.add_argument("--rtol", metavar="NUMBER", type=float, help="default: by dtype")
    parser.add_argument("--atol", metavar="NUMBER", type=float, help="default: by dtype")


def convert_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``convert``."""
    parser.description = (
        "Convert SOURCE (.pth, .pt, .pt2, .pb, .meta, .keras, .h5, .tflite, a SavedModel's folder or .onnx) and write "
        "it after proving that it gives the same results. Exit status: 0 when it is written, 1 when it cannot "
        "be converted or proven, 2 for a wrong command."
    )
    parser.add_argument("source", metavar="SOURCE", help="a file or folder; its kind is found from its content")
    parser.add_argument(
        "-o", "--output", metavar="PATH",
        help=".onnx, .pb, or a folder: a SavedModel; default: SOURCE's name with -batch-N, in the same folder",
    )  # fmt: skip
    parser.add_argument("--loader", metavar="MODULE:CALLABLE", help="builds the module of a file of weights")
    parser.add_argument("--batch", metavar="N|dynamic", help="default: the batch of the source or its inputs")
    parser.add_argument(
        "--input", "--inputs", dest="input", metavar="NAME:DTYPE:SHAPE|NAMES", action="append", default=[],
        help="an input that the source does not declare, such as input:float32:1x3x240x320, or tensors of a graph, "
        "such as X:0,X1:0; repeatable, in order",
    )  # fmt: skip
    parser.add_argument("--outputs", metavar="NAMES", default="", help="names for the outputs, separated by commas")
    # Constants are folded in any case
    parser.add_argument("--fold_const", "--fold-const", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--device", metavar="NAME", default="", help="where PyTorch exports, such as cuda; default: cpu"
    )
    parser.add_argument(
        "--exporter", choices=("dynamo", "torchscript"), default="", help="exporter of PyTorch; default: dynamo"
    )
    parser.add_argument("--opset", metavar="N", type=_positive, help="default: the best one of the converter")
    parser.add_argument(
        "--signature", metavar="NAME", default="", help="signature of a SavedModel; default: serving_default"
    )
    parser.add_argument("--trust", metavar="NAME", action="append", default=[], help="name that a pickle may refer to")
    parser.add_argument("--rtol", metavar="NUMBER", type=float, help="tolerance of the proof; default: by dtype")
    parser.add_argument("--atol", metavar="NUMBER", type=float, help="tolerance of the proof; default: by dtype")


def record_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``record``."""
    parser.description = (
        "Run the source of MODEL on a few inputs and, if MODEL agrees with it, store the inputs and outputs as golden "
        "data, to check MODEL where the framework is missing. Exit status: 0 when it is written, 1 when the two do not "
        "agree or one cannot be run, 2 for a wrong command."
    )
    parser.add_argument("model", metavar="MODEL", help="an .onnx file")
    parser.add_argument(
        "--reference", metavar="NAME|PATH|FUNCTION",
        help="a source, another .onnx file, a backend, or package.module:function; default: MODEL itself",
    )  # fmt: skip
    parser.add_argument("--loader", metavar="MODULE:CALLABLE", help="builds the module of a source of weights")
    parser.add_argument("--trust", metavar="NAME", action="append", default=[], help="name that a pickle may refer to")
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", help="default: MODEL's name with .golden, in the same folder"
    )
    parser.add_argument("--samples", metavar="N", type=_positive, default=3, help="default: 3")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="seed of the inputs; default: 0")
    parser.add_argument(
        "--max-size", metavar="SIZE", default="10MB", help="limit of both files together; default: 10MB"
    )
    parser.add_argument("--backend", metavar="NAME", help="where MODEL runs; default: the first one that runs here")
    parser.add_argument("--manifest", metavar="FILE", help="an onnxaccel.toml with the model's inputs and tolerances")
    parser.add_argument("--rtol", metavar="NUMBER", type=float, help="stored as the limit; default: measured")
    parser.add_argument("--atol", metavar="NUMBER", type=float, help="stored as the limit; default: measured")


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of samples")
    return int(text)


def _seconds(text: str) -> float:
    from pytest_onnxaccel.config.units import duration_ns

    try:
        return duration_ns(f"{text}s" if text.replace(".", "", 1).isdecimal() else text) / 1e9
    except ConfigError as error:
        raise argparse.ArgumentTypeError(f"{error.cause} - {error.remedy}") from None


def _plain(lines: Sequence[str]) -> str:
    """Return *lines* as one text; the names in them are a model's own."""
    return "\n".join(map(escaped, lines))


def _show(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; what Python flushes at its end must go somewhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _doctor(as_json: bool, probe: bool) -> int:
    from pytest_onnxaccel.doctor import diagnose
    from pytest_onnxaccel.doctor.page import render

    live = sys.stderr.isatty()

    def say(line: str) -> None:
        if live:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    found = diagnose(probe, say)
    say("")
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    _show(json.dumps(found.to_json(), indent=2) if as_json else render(found, color))
    return 0 if found.works else 1


def _freeze(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    from dataclasses import replace

    from pytest_onnxaccel.core.specs import SourceSpec
    from pytest_onnxaccel.runner.conversion.freeze import default_output, refreeze, spec_of
    from pytest_onnxaccel.runner.request import RunOptions

    source = None
    folders = [os.path.dirname(os.path.abspath(given.manifest))] if given.manifest else []
    options = RunOptions(import_paths=tuple(dict.fromkeys((*folders, os.getcwd()))), **_walls(given))
    if given.source:
        source = SourceSpec(os.path.abspath(given.source), given.source, given.loader, origin="--source")
    elif given.loader:
        raise ConfigError("--loader is given without --source", remedy="name the file that it builds the module of")
    spec = spec_of(given.model, given.manifest)
    spec = replace(spec, backends=(given.backend,) if given.backend else spec.backends, source=source or spec.source)
    output = given.output or default_output(given.model, given.batch)
    saved = refreeze(spec, given.batch, output, given.method, options)
    show(_plain(saved.lines()))
    return 0


def _convert(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    from pytest_onnxaccel.core.specs import Tolerance
    from pytest_onnxaccel.runner.conversion.convert import batch_of, convert_source
    from pytest_onnxaccel.runner.request import RunOptions

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
        options=RunOptions(import_paths=(os.getcwd(),), **_walls(given)),
    )
    show(_plain(saved.lines()))
    return 0


def _record(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    from dataclasses import replace

    from pytest_onnxaccel.config.layers import tolerance
    from pytest_onnxaccel.config.units import size_bytes
    from pytest_onnxaccel.runner.conversion.freeze import spec_of
    from pytest_onnxaccel.runner.golden_record import record_golden
    from pytest_onnxaccel.runner.references import referring
    from pytest_onnxaccel.runner.request import GOLDEN, RunOptions

    folders = [os.path.dirname(os.path.abspath(given.manifest))] if given.manifest else []
    walls = _walls(given)
    if given.reference == GOLDEN:
        raise ConfigError("golden data cannot be recorded of golden data", remedy="name the source, or no reference")
    options = RunOptions(seed=given.seed, import_paths=tuple(dict.fromkeys((*folders, os.getcwd()))), **walls)
    spec = referring(spec_of(given.model, given.manifest), given.reference, given.loader, tuple(given.trust))
    said = "the command line"
    spec = replace(
        spec, backends=(given.backend,) if given.backend else spec.backends,
        tolerance=tolerance(spec.tolerance, given.rtol, given.atol, said, said),
    )  # fmt: skip
    saved = record_golden(spec, given.output, given.samples, size_bytes(given.max_size), options)
    show(_plain(saved.lines()))
    return 0


def _roundtrip(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    from pytest_onnxaccel.core.results import Verdict
    from pytest_onnxaccel.core.specs import SourceSpec, Tolerance
    from pytest_onnxaccel.runner.conversion.convert import input_specs
    from pytest_onnxaccel.runner.conversion.round_trip import round_trip
    from pytest_onnxaccel.runner.request import RunOptions

    result = round_trip(
        SourceSpec(os.path.abspath(given.source), given.source, given.loader, origin="the command line"),
        [name.strip() for name in given.through.split(",") if name.strip()],
        inputs=input_specs(given.input),
        outputs=[name.strip() for name in given.outputs.split(",") if name.strip()],
        tolerance=Tolerance(given.rtol, given.atol, "the command line"),
        options=RunOptions(import_paths=(os.getcwd(),), **_walls(given)),
    )
    show(_plain([f"{result.verdict}: {result.message}", *(f"  {line}" for line in (*result.details, *result.notes))]))
    return 0 if result.verdict is Verdict.PASSED else 1


def _path(name: str) -> int:
    from pytest_onnxaccel.environments import locate as environment

    python = environment.interpreter(name)
    if python is None:
        named = environment.configured(name)
        what = f"{named}, named for {name}, is not an interpreter" if named else f"{name} is not built"
        print(escaped(f"{what}; build it with {_PROG} env {name}"), file=sys.stderr)
        return 1
    _show(python)
    return 0


def _env(name: str, rebuild: bool, gpu: bool) -> int:
    from pytest_onnxaccel.environments import build
    from pytest_onnxaccel.environments import locate as environment

    if rebuild and (not gpu or environment.recipe(name).gpu):
        for version in environment.versions_tried(name):
            # Without this mark it counts as not built, and the next building clears it away
            (environment.location(name, version, gpu) / environment.READY).unlink(missing_ok=True)
    build.build(name, gpu=gpu, say=_show)
    return 0


if __name__ == "__main__":
    sys.exit(main())
