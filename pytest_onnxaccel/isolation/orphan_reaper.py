"""A shell that outlives this process by a moment: it ends orphaned workers and removes the staging folder.

However the pytest process ends (SIGKILL included), its end of a pipe closes; the shell that reads the other end then
kills the process groups it was told of and removes the folder. It costs about a millisecond and works while a worker
is stuck in native code, where no thread of the worker's own could act.

Under pytest-xdist the process that it guards has a controlling process, whose end would reach it late, while it waits
for a worker of its own. There the shell watches the ends of two pipes as well (:mod:`.lifeline`): it asks the guarded
process to end (SIGTERM) when the run stops, and makes it when the controlling process is gone.
"""

from __future__ import annotations

import contextlib
import os
import subprocess

from pytest_onnxaccel.isolation.lifeline import reading_ends
from pytest_onnxaccel.isolation.waiting import ended_within

_SCRIPT = """
trap '' INT TERM HUP
exec 3<&1 4<&2 >/dev/null 2>&1
watch=
if [ -n "$2" ]; then
  ( while read -r _ <&3; do :; done; kill -s TERM "$2"
    while read -r _ <&4; do :; done; sleep 1; kill -s KILL "$2" ) &
  watch=$!
fi
exec 3<&- 4<&-
while read -r verb what; do
  case $verb in
    started) pids="$pids$what " ;;
    ended) pids="${pids%% $what *} ${pids#* $what }" ;;
    done) [ -z "$watch" ] || kill -s KILL "$watch"; exit 0 ;;
  esac
done
[ -z "$watch" ] || kill -s KILL "$watch"
for pid in $pids; do kill -s KILL -- "-$pid" 2>/dev/null; done
rm -rf -- "$1" 2>/dev/null || { sleep 1; rm -rf -- "$1"; }
"""


class OrphanReaper:
    """Guards the workers of this process and *folder*, which it removes if this process dies without :meth:`close`.

    Args:
        controller: folder of the controlling process's :class:`~.lifeline.Lifeline`, where there is such a process:
            this one ends within about a second of it.
    """

    def __init__(self, folder: str, controller: str | None = None) -> None:
        watched = [] if controller is None else reading_ends(controller)
        going, alive = watched or (subprocess.DEVNULL, subprocess.DEVNULL)
        owner = str(os.getpid()) if watched else ""
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "onnxaccel-sentinel", folder, owner],
                stdin=subprocess.PIPE,
                stdout=going,  # to be read: as standard streams a shell can name them, whatever their numbers
                stderr=alive,
                start_new_session=True,
                text=True,
                cwd="/",
                env={"PATH": os.environ.get("PATH", os.defpath)},
            )
        finally:
            for handle in watched:
                os.close(handle)

    def started(self, pid: int) -> None:
        """Note that worker *pid*, the leader of its process group, now runs."""
        self._say(f"started {pid}")

    def ended(self, pid: int) -> None:
        """Note that worker *pid* was waited for; its number may soon be another process's."""
        self._say(f"ended {pid}")

    def close(self) -> None:
        """End the shell: everything was cleaned up."""
        self._say("done")
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        ended_within(self._process, 5)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
