"""Which wall this system gives workers, asked of the kernel: files, TCP, other sockets, signals, devices."""

from __future__ import annotations

from typing import Any

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record

#: Version of Landlock from which on files can be moved between folders, which converters do: before, those that write
#: for others are not confined by it.
MOVES = 2
#: What to do where a wall that was required is not available.
REMEDY = "Linux 6.7 or later has it; --onnx-sandbox=auto takes what there is"
#: What a sandbox may be asked to be.
MODES = ("auto", "require", "off")


@record(frozen=True)
class Level:
    """How far a worker can be confined.

    Attributes:
        landlock: version of its interface; 0 where there is none.
        sockets: sockets can be refused by a filter of system calls.
        reason: why there is no wall, where that is the run's choice.
    """

    landlock: int = 0
    sockets: bool = False
    reason: str = ""

    @property
    def stops(self) -> tuple[str, ...]:
        """What is stopped, in words."""
        since = {"files": MOVES, "truncating": 3, "TCP": 4, "devices": 5, "signals": 6}
        found = tuple(what for what, version in since.items() if self.landlock >= version)
        found = ("files of models",) if 0 < self.landlock < MOVES else found
        return (*found, "sockets") if self.sockets else found

    @property
    def whole(self) -> bool:
        """Nothing outside can be read, changed or reached by TCP."""
        return self.landlock >= 3 and (self.landlock >= 4 or self.sockets)

    @property
    def name(self) -> str:
        """``landlock`` or ``none``."""
        return "landlock" if self.landlock else "none"

    def lacking(self) -> str:
        """Return what it lacks."""
        if self.reason:
            return self.reason
        if not self.landlock:
            return "this system has no Landlock"
        return f"Landlock {self.landlock} stops {', '.join(self.stops)} alone"

    def __str__(self) -> str:
        if self.landlock:
            return f"Landlock {self.landlock} ({', '.join(self.stops)})"
        rest = "; sockets are stopped" if self.sockets else ""
        return f"none ({self.lacking()}{rest})"

    def to_json(self) -> dict[str, Any]:
        """Return it in builtins for reports."""
        found: dict[str, Any] = {"level": self.name, "abi": self.landlock, "stops": list(self.stops)}
        return {**found, "reason": self.lacking()} if not self.landlock else found


def level(mode: str = "auto", in_process: bool = False) -> Level:
    """Return what holds for the workers of a run; the kernel is asked, which takes a few microseconds."""
    if in_process:
        return Level(reason="backends run in the pytest process")
    if mode == "off":
        return Level(reason="switched off")
    from pytest_onnxaccel.isolation.confinement import landlock, sockets

    return Level(landlock.version(), sockets.available())


def insist(mode: str, in_process: bool = False, origin: str = "") -> None:
    """Refuse a run whose sandbox is required and is not available.

    Args:
        mode: ``auto``, ``require`` or ``off``.
        in_process: backends run in the pytest process, which is not confined.
        origin: where it was required, for the message.

    Raises:
        ConfigError: with what it lacks.
    """
    found = level(mode, in_process)
    if mode == "require" and not found.whole:
        raise ConfigError(f"the sandbox is not available: {found.lacking()}", subject=origin, remedy=REMEDY)
