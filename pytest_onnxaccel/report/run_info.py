"""What a report says of the run itself."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime

from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.lookup.version import own_version
from pytest_onnxaccel.core.results import Json


@record(frozen=True)
class RunFacts:
    """One run, apart from its results.

    Attributes:
        started: seconds since the epoch.
        versions: version by distribution name, of what took part.
        settings: value and where it came from, by name.
        sandbox: how far the workers were confined.
        interrupted: why the run ended before all its tests did (``SIGTERM``); empty where they all did.
        asked: what was asked for by name, and how many checks judged it.
        unfinished: node ids of tests that began and did not end.
    """

    started: float
    duration_s: float
    exit_status: int
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, tuple[Json, str]] = field(default_factory=dict)
    sandbox: Mapping[str, Json] = field(default_factory=dict)
    interrupted: str = ""
    asked: Sequence[Json] = ()
    unfinished: Sequence[str] = ()

    def to_json(self) -> dict[str, Json]:
        """Return the ``run`` part of a report."""
        return {
            "plugin": own_version(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "started": datetime.fromtimestamp(self.started, UTC).isoformat(timespec="seconds"),
            "duration_s": round(self.duration_s, 3),
            "exit_status": int(self.exit_status),
            "interrupted": printable(self.interrupted),
            "unfinished": list(self.unfinished),
            "asked": list(self.asked),
            "versions": dict(sorted(self.versions.items())),
            **({"sandbox": dict(self.sandbox)} if self.sandbox else {}),
            "settings": {
                name: {"value": value, "origin": origin} for name, (value, origin) in sorted(self.settings.items())
            },
        }
