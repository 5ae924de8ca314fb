"""The commands of ``python -m pytest_onnxaccel``: a new one is its file and its line here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple, Protocol

from pytest_onnxaccel.commands import compare, convert, doctor, env, freeze, merge, record, report, roundtrip, speed


class Module(Protocol):
    """What the file of a command has."""

    HELP: str

    @property
    def arguments(self) -> Callable[[argparse.ArgumentParser], None]:
        """What adds its arguments."""

    @property
    def run(self) -> Callable[[argparse.Namespace, Callable[[str], object]], int]:
        """What runs it: its arguments and what prints, to the exit status."""


class Command(NamedTuple):
    """One command.

    Attributes:
        opens: it opens models: it takes the arguments of the sandbox.
        live: it takes long without a word of its own: a line says how far it is.
        strict: a :class:`~pytest_onnxaccel.core.errors.ConfigError` is a wrong command: status 2 instead of 1.
    """

    name: str
    module: Module
    opens: bool = False
    live: bool = False
    strict: bool = False


COMMANDS = (
    Command("doctor", doctor),
    Command("env", env),
    Command("freeze", freeze, opens=True, live=True, strict=True),
    Command("convert", convert, opens=True, live=True, strict=True),
    Command("roundtrip", roundtrip, opens=True, live=True, strict=True),
    Command("record", record, opens=True, live=True, strict=True),
    Command("speed", speed, opens=True, strict=True),
    Command("report", report, strict=True),
    Command("compare", compare, strict=True),
    Command("merge", merge, strict=True),
)
