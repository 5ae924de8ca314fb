"""Reports of parts of one run, joined into the report that the whole run would have written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.results import Json
from pytest_onnxaccel.report.counts import ordered
from pytest_onnxaccel.report.run_report import RunReport, objects

#: Exit statuses of pytest, worst first: a usage error, an internal one, interrupted, failed, nothing collected, good.
_WORST = (4, 3, 2, 1, 5, 0)

_SAME = ("plugin", "python", "platform")


def merge(reports: Sequence[tuple[str, RunReport]]) -> RunReport:
    """Return one report of all rows.

    Figures are taken over as they are: a ratio of two parts that ran on different machines is not made up.

    Args:
        reports: name of the file and what it holds, at least one.

    Raises:
        ConfigError: a test is in two of them, so they are not parts of one run.
    """
    owner: dict[str, str] = {}
    for shown, report in reports:
        for test in {row.nodeid or f"{row!r}" for row in report.results}:
            if test in owner:
                raise ConfigError(
                    f"{test} is in {owner[test]} and in {shown}",
                    subject="merge",
                    remedy="merge the parts of one run: no test runs in two of them",
                )
            owner[test] = shown
    rows = ordered(row for _, report in reports for row in report.results)
    models: dict[str, dict[str, Json]] = {}
    for _, report in reports:
        for model in report.models:
            kept = models.setdefault(str(model["name"]), {})
            kept.update((key, value) for key, value in model.items() if key not in kept and key != "best_batch")
    speed = tuple(table for _, report in reports for table in report.speed)
    run = _run([report.run for _, report in reports])
    return RunReport(tuple(rows), run, tuple(models.values()), speed)


def _run(runs: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {key: _joined([run.get(key) for run in runs]) for key in _SAME}
    started, ended = _times(runs)
    found |= {
        "started": started,
        "duration_s": ended,
        "exit_status": _status([run.get("exit_status") for run in runs]),
        "interrupted": "; ".join(dict.fromkeys(str(run["interrupted"]) for run in runs if run.get("interrupted"))),
        "unfinished": [test for run in runs for test in _list(run.get("unfinished"))],
        "asked": _asked(runs),
        "versions": _versions(runs),
        "settings": _settings(runs),
    }
    walls = [run["sandbox"] for run in runs if isinstance(run.get("sandbox"), Mapping)]
    if walls and all(wall == walls[0] for wall in walls):
        found["sandbox"] = walls[0]
    found["parts"] = [
        {key: run[key] for key in (*_SAME, "started", "duration_s", "exit_status") if key in run} for run in runs
    ]
    return found


def _list(value: Json) -> list[Any]:
    return value if isinstance(value, list) else []


def _joined(values: Sequence[Json]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if isinstance(value, str) and value))


def _times(runs: Sequence[Mapping[str, Json]]) -> tuple[str, float]:
    """Return when the first part started, and the seconds from there to the end of the last one."""
    spans = []
    for run in runs:
        try:
            begun = datetime.fromisoformat(str(run.get("started")))
            spans.append((begun, begun + timedelta(seconds=float(run.get("duration_s") or 0.0))))
        except (ValueError, TypeError, OverflowError):
            continue
    try:
        first, last = min(begun for begun, _ in spans), max(end for _, end in spans)
        return first.isoformat(timespec="seconds"), round((last - first).total_seconds(), 3)
    except (ValueError, TypeError):  # no part tells, or one lacks its time zone
        return "", 0.0


def _status(values: Sequence[Json]) -> int:
    known = [value for value in values if isinstance(value, int) and value in _WORST]
    found = min(known, key=_WORST.index, default=0)
    # A part may be empty where there are more parts than tests
    return 0 if found == 5 and 0 in known else found


def _asked(runs: Sequence[Mapping[str, Json]]) -> list[Json]:
    """Return what was asked: judged by any part is judged."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for run in runs:
        for one in objects(run.get("asked")):
            key = (str(one.get("what")), str(one.get("name")))
            kept = found.setdefault(key, {"what": key[0], "name": key[1], "judged": 0, "tried": 0, "failed": False})
            for count in ("judged", "tried"):
                kept[count] += one[count] if isinstance(one.get(count), int) else 0
            kept["failed"] = kept["failed"] or one.get("failed") is True
    for kept in found.values():
        kept["failed"] = kept["failed"] and kept["judged"] == 0
    return list(found.values())


def _versions(runs: Sequence[Mapping[str, Json]]) -> dict[str, str]:
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        versions = run.get("versions")
        for name, version in versions.items() if isinstance(versions, Mapping) else ():
            found.setdefault(str(name), {})[str(version)] = None
    return {name: ", ".join(versions) for name, versions in sorted(found.items())}


def _settings(runs: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """Return the settings that all parts have alike; the file that each wrote is its own."""
    all_of = [run["settings"] for run in runs if isinstance(run.get("settings"), Mapping)]
    first = all_of[0] if all_of else {}
    return {k: v for k, v in first.items() if k != "report" and all(one.get(k) == v for one in all_of)}
