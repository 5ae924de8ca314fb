"""What several commands share: types of arguments, the limits of workers, printing."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.printing import escaped

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.request import RunOptions

#: How a command is called.
PROG = "python -m pytest_onnxaccel"


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
        "--timeout",
        metavar="DURATION",
        type=duration,
        help="limit of each stage of a worker, such as 10min; a bare number is in seconds; default: 120s",
    )


def compare_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--compare`` of the commands that compare a model with its source."""
    parser.add_argument(
        "--compare",
        metavar="[OUTPUT=]KIND",
        action="append",
        default=[],
        help="how outputs are compared, such as rows, boxes=cosine:0.999 or package.module:function; repeatable",
    )


def compared(given: argparse.Namespace) -> dict[str, object] | None:
    """Return what ``--compare`` says, by output; ``*`` for every other one."""
    pairs = [text.rpartition("=") for text in given.compare]
    return {name or "*": kind for name, _, kind in pairs} or None


def run_options(given: argparse.Namespace, seed: int = 0) -> RunOptions:
    """Return the options of a run: the sandbox, the limits, and where loaders are imported from.

    That is the folder of the manifest, where one is named, and the working folder.

    Raises:
        ConfigError: the sandbox is required and is not available.
    """
    from pytest_onnxaccel.runner.request import RunOptions

    manifest = getattr(given, "manifest", None)
    folders = [os.path.dirname(os.path.abspath(manifest))] if manifest else []
    return RunOptions(seed=seed, import_paths=tuple(dict.fromkeys((*folders, os.getcwd()))), **_walls(given))


def _walls(given: argparse.Namespace) -> dict[str, Any]:
    """Return what the arguments say of the sandbox and of time, as options of a run.

    Raises:
        ConfigError: it is required and is not available.
    """
    from pytest_onnxaccel.isolation.confinement.level import insist

    insist(given.sandbox)
    found = {"sandbox": given.sandbox, "readable": tuple(map(os.path.abspath, given.readable))}
    if given.timeout is None:
        return found
    from dataclasses import replace

    from pytest_onnxaccel.isolation.limits import Limits

    return {**found, "limits": replace(Limits.default(), seconds=given.timeout)}


def positive(text: str) -> int:
    """Return the whole number above 0 that *text* is."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def duration(text: str) -> float:
    """Return the seconds that *text* says; a bare number is in seconds."""
    from pytest_onnxaccel.config.units import duration_ns

    try:
        return duration_ns(f"{text}s" if text.replace(".", "", 1).isdecimal() else text) / 1e9
    except ConfigError as error:
        raise argparse.ArgumentTypeError(f"{error.cause} - {error.remedy}") from None


def plain(lines: Sequence[str]) -> str:
    """Return *lines* as one text; the names in them are a model's own."""
    return "\n".join(map(escaped, lines))


def show(text: str) -> None:
    """Print *text*; a reader that has closed its end has seen enough."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; what Python flushes at its end must go somewhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def live_line() -> Callable[[str], None]:
    """Return what shows how far a command is: a line on a terminal that the next one overwrites; nothing elsewhere."""
    live = sys.stderr.isatty()

    def say(line: str) -> None:
        if live:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    return say
