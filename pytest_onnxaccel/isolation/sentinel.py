"""A shell that outlives this process by a moment: it ends orphaned workers and removes the staging folder.

However the pytest process ends (SIGKILL included), its end of a pipe closes; the shell that reads the other end then
kills the process groups it was told of and removes the folder. It costs about a millisecond and works while a worker
is stuck in native code, where no thread of the worker's own could act.
"""

from __future__ import annotations

import contextlib
import os
import subprocess

from pytest_onnxaccel.isolation.waiting import ended_within

_SCRIPT = """
trap '' INT TERM HUP
pids=' '
while read -r verb what; do
  case $verb in
    started) pids="$pids$what " ;;
    ended) pids="${pids%% $what *} ${pids#* $what }" ;;
    done) exit 0 ;;
  esac
done
for pid in $pids; do kill -s KILL -- "-$pid" 2>/dev/null; done
rm -rf -- "$1" 2>/dev/null || { sleep 1; rm -rf -- "$1"; }
"""


class Sentinel:
    """Guards the workers of this process and *folder*, which it removes if this process dies without :meth:`close`."""

    def __init__(self, folder: str) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "onnxaccel-sentinel", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )

    def started(self, pid: int) -> None:
        """Worker *pid*, the leader of its process group, now runs."""
        self._say(f"started {pid}")

    def ended(self, pid: int) -> None:
        """Worker *pid* was waited for; its number may soon be another process's."""
        self._say(f"ended {pid}")

    def close(self) -> None:
        """Everything was cleaned up: let the shell go."""
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
