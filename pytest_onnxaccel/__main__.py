"""``python -m pytest_onnxaccel``: ``convert``, ``doctor``, ``env``, ``freeze``, ``record``, ``roundtrip`` ..."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from pytest_onnxaccel.commands.shared import PROG, sandbox_arguments, show
from pytest_onnxaccel.commands.table import COMMANDS, Command
from pytest_onnxaccel.core.errors import ConfigError, OnnxAccelError, refusal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = _parser().parse_args(arguments)
    command = next(command for command in COMMANDS if command.name == given.command)
    if not command.live:
        return _run(command, given, show, lambda: None)
    from pytest_onnxaccel.report.terminal.live_line import OnStderr

    with OnStderr(command.name) as line:

        def print_below(text: str) -> None:
            line.stop()
            show(text)

        return _run(command, given, print_below, line.stop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROG, description="Tools that come with the pytest plugin.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.module.HELP)
        command.module.arguments(sub)
        if command.opens:
            sandbox_arguments(sub)
    return parser


def _run(command: Command, given: argparse.Namespace, say: Callable[[str], object], clean: Callable[[], object]) -> int:
    """Run one command and return its exit status.

    Args:
        say: prints what it found.
        clean: ends the line that says how far it is.
    """
    try:
        return command.module.run(given, say)
    except OnnxAccelError as error:
        clean()
        print(error, file=sys.stderr)
        return 2 if command.strict and isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        clean()
        print("interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        clean()
        print(refusal("E_FILE", "", str(error)), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
