"""What a report says of the run itself."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.core.results import Json


def run_facts(
    *,
    started: float,
    duration_s: float,
    exit_status: int,
    versions: Mapping[str, str] | None = None,
    settings: Mapping[str, tuple[Json, str]] | None = None,
    sandbox: Mapping[str, Json] | None = None,
    interrupted: str = "",
    asked: Sequence[Json] = (),
    unfinished: Sequence[str] = (),
) -> dict[str, Json]:
    """Return the ``run`` part of a report.

    Args:
        started: seconds since the epoch.
        versions: version by distribution name, of what took part.
        sandbox: how far the workers were confined.
        settings: value and where it came from, by name.
        interrupted: why the run ended before all its tests did (``SIGTERM``); empty where they all did.
        asked: what was asked for by name, and how many checks judged it.
        unfinished: node ids of tests that began and did not end.
    """
    return {
        "plugin": _own_version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "duration_s": round(duration_s, 3),
        "exit_status": int(exit_status),
        "interrupted": printable(interrupted),
        "unfinished": list(unfinished),
        "asked": list(asked),
        "versions": dict(sorted((versions or {}).items())),
        **({"sandbox": dict(sandbox)} if sandbox else {}),
        "settings": {
            name: {"value": value, "origin": origin} for name, (value, origin) in sorted((settings or {}).items())
        },
    }


def _own_version() -> str:
    try:
        return version("pytest-onnxaccel")
    except PackageNotFoundError:
        return "unknown"
