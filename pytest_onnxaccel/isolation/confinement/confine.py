"""The second wall: a worker shuts itself in before it opens anything of a file that came from somebody else.

The first wall is to refuse files that would run code. Behind this one, code that runs all the same reads its libraries
and its own folder, writes in its own folder, and reaches nobody.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import Any

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.isolation.confinement.level import MOVES, REMEDY, Level, level

#: Under this name a worker that is to confine itself finds its wall in its environment.
VARIABLE = "ONNXACCEL_WALL"

#: Largest file that a worker may write, bytes: what a source may hold.
LARGEST_FILE = 32 << 30
#: Threads and processes that a user may have when one more is started: so many, and so many for each core.
MOST_PROCESSES = (8192, 256)


@record(frozen=True)
class Wall:
    """Where a worker may write and read.

    Attributes:
        own: folder that it may write in; its home and its temporary files go to one in it.
        made: further folders that it may write in.
        reads: files and folders that it may read, in addition to its interpreter and libraries.
        local: sockets of this machine stay open, which the drivers of accelerators need.
        require: without every part of the wall it does nothing.
    """

    own: str
    made: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    local: bool = False
    require: bool = False

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Wall:
        return cls(
            str(data["own"]), tuple(data["made"]), tuple(data["reads"]), bool(data["local"]), bool(data["require"])
        )

    def holds(self, other: Wall) -> bool:
        """Return whether a worker behind this wall can still be confined to *other*."""
        places = (self.own, *self.made)
        written = all(_beneath(path, places) for path in (other.own, *other.made))
        read = all(_beneath(path, (*places, *self.reads)) for path in other.reads)
        return written and read and (self.local or not other.local)


def _beneath(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(place.rstrip("/") + "/") for place in places)


def confine_by_environment() -> OnnxAccelError | None:
    """Confine this process as its host asked when it started it; gives why that failed, and then it must do nothing."""
    text = os.environ.pop(VARIABLE, "")
    return confine(Wall.from_json(json.loads(text))) if text else None


def confine(wall: Wall, again: bool = False) -> OnnxAccelError | None:
    """Confine this process, its later threads and children to *wall*; gives why that failed.

    Args:
        wall: what may be read and written, and whether local sockets stay.
        again: it is confined already, and now more narrowly.
    """
    found = level()
    if wall.require and not found.whole:
        return OnnxAccelError(f"the sandbox is incomplete here: {found.lacking()}", remedy=REMEDY)
    try:
        _move_in(wall.own)
        _limit()
        _shut(wall, found, again)
    except OSError as error:
        cause = f"the worker cannot confine itself: {error.strerror or error}"
        return OnnxAccelError(cause, remedy="run it where nothing stops Landlock, or with --onnx-sandbox=off")
    return None


def _shut(wall: Wall, found: Level, again: bool) -> None:
    from pytest_onnxaccel.isolation.confinement import landlock, places, sockets, syscalls

    if sys.platform == "linux":
        syscalls.no_new_privileges()
        syscalls.drop_capabilities()
    if found.landlock >= (MOVES if wall.made else 1):
        own = [(path, landlock.OWN) for path in (wall.own, *wall.made)]
        reads = [(path, landlock.LOOK) for path in wall.reads]
        landlock.restrict([*places.rules(), *own, *reads], again)
        sys.dont_write_bytecode = True  # it could not
    if found.sockets and not (again and wall.local):
        sockets.refuse_sockets(wall.local)


def _move_in(own: str) -> None:
    """Move home and temporary files to *own*: libraries keep caches there."""
    home = os.path.join(own, "home")
    os.makedirs(home, mode=0o700, exist_ok=True)
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "CUDA_CACHE_PATH"):
        os.environ[name] = home
    tempfile.tempdir = None


def _limit() -> None:
    import resource

    processes = MOST_PROCESSES[0] + MOST_PROCESSES[1] * (os.cpu_count() or 1)
    for kind, most in ((resource.RLIMIT_FSIZE, LARGEST_FILE), (getattr(resource, "RLIMIT_NPROC", None), processes)):
        if kind is None:
            continue
        soft, hard = resource.getrlimit(kind)
        given = [limit for limit in (soft, hard, most) if limit != resource.RLIM_INFINITY]
        resource.setrlimit(kind, (min(given), min(given)))
