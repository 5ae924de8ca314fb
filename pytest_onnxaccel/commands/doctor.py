"""``python -m pytest_onnxaccel doctor``: which backends run here."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable

from pytest_onnxaccel.commands.shared import live_line

#: What ``--help`` says of it.
HELP = "which backends run here, and how to fix those that do not"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``doctor``."""
    parser.description = (
        "Try every registered backend on a small model. Exit status: 0 when a runtime works, 1 when none does."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--no-probe", action="store_true", help="report what the backends say, and start none of them")


def run(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    """Try the backends, print what was found, and return the exit status.

    Args:
        show: prints.

    Raises:
        OnnxAccelError: a backend cannot be looked at.
    """
    from pytest_onnxaccel.doctor import diagnose
    from pytest_onnxaccel.doctor.page import render

    say = live_line()
    found = diagnose(not given.no_probe, say)
    say("")
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    show(json.dumps(found.to_json(), indent=2) if given.json else render(found, color))
    return 0 if found.works else 1
