"""A run's report as an object: what every page is made from, whether the run just ended or was kept as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import harmless
from pytest_onnxaccel.core.results import SCHEMA_VERSION, CheckResult, Json, Verdict
from pytest_onnxaccel.report.counts import ordered, worst
from pytest_onnxaccel.report.json_report import SCHEMA, report_of

#: A file beyond this size is not read, in bytes.
LARGEST = 512 << 20


@record(frozen=True)
class RunReport:
    """One run.

    Attributes:
        results: in the order of a report.
        run: facts of the run, as in the JSON report.
        models: facts by model, each with its ``name``.
        speed: tables of ``python -m pytest_onnxaccel speed``.
        comparison: with a saved run, as in the JSON report; empty where there is none.
    """

    results: tuple[CheckResult, ...] = ()
    run: Mapping[str, Json] = field(default_factory=dict)
    models: tuple[Mapping[str, Json], ...] = ()
    speed: tuple[Mapping[str, Json], ...] = ()
    comparison: Mapping[str, Json] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """Failures that nobody expects."""
        return tuple(r for r in self.results if r.verdict is Verdict.FAILED and not r.expected)

    @property
    def unasked(self) -> tuple[Mapping[str, Json], ...]:
        """What was asked for by name and not judged."""
        return tuple(one for one in objects(self.run.get("asked")) if one.get("failed") is True)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict; what was asked for and not judged is a failure, and so is what grew worse."""
        if self.unasked or self.comparison.get("worse"):
            return Verdict.FAILED
        return worst(self.results)

    def to_json(self) -> dict[str, Json]:
        """Return the JSON report."""
        return report_of(self.results, self.run, self.models, self.speed, self.comparison)


def report_from(
    results: Iterable[CheckResult],
    run: Mapping[str, Json],
    models: Iterable[Mapping[str, Json]] = (),
    comparison: Mapping[str, Json] | None = None,
) -> RunReport:
    """Return the report of a run that just ended."""
    return RunReport(tuple(ordered(results)), dict(run), tuple(models), (), dict(comparison or {}))


def read_report(path: str | os.PathLike[str]) -> RunReport:
    """Return the report in the JSON file *path*, of this schema version or an older one.

    Keys that a later release added are left alone, and those that an earlier one did not write have their defaults.

    Raises:
        ConfigError: it cannot be read, is not a report, or is of a newer version.
    """
    shown = os.fspath(path)
    try:
        if os.path.getsize(path) > LARGEST:
            raise ConfigError(f"is larger than {LARGEST >> 20} MB", code="E_SIZE", subject=shown)
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"the report cannot be read: {error.strerror or error}",
            code="E_FILE",
            subject=shown,
            remedy="name a file that --onnx-report wrote",
        ) from error
    except (ValueError, RecursionError) as error:
        raise _not_a_report(shown, "it is not JSON") from error
    return parse_report(data, shown)


def parse_report(data: Any, shown: str) -> RunReport:
    """Return the report that *data* holds.

    Args:
        data: what JSON gave.
        shown: name of the file, for messages.

    Raises:
        ConfigError: it is not a report, or is of a newer version.
    """
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise _not_a_report(shown, f"its 'schema' is not {SCHEMA!r}")
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise _not_a_report(shown, "its 'version' is not a number")
    if version > SCHEMA_VERSION:
        raise ConfigError(
            f"is a report of version {version}; this release reads versions up to {SCHEMA_VERSION}",
            code="E_FILE",
            subject=shown,
            remedy="upgrade pytest-onnxaccel",
        )
    rows = data.get("results")
    if not isinstance(rows, list):
        raise _not_a_report(shown, "its 'results' are not a list")
    data = harmless(data)
    results = [_row(row, shown, number) for number, row in enumerate(data["results"])]
    return RunReport(
        tuple(ordered(results)),
        data["run"] if isinstance(data.get("run"), dict) else {},
        tuple(model for model in objects(data.get("models")) if isinstance(model.get("name"), str)),
        objects(data.get("speed")),
        data["comparison"] if isinstance(data.get("comparison"), dict) else {},
    )


def mapping(value: Json) -> Mapping[str, Json]:
    """Return *value* where it is an object; an empty one where it is not."""
    return value if isinstance(value, Mapping) else {}


def objects(value: Json) -> tuple[Mapping[str, Json], ...]:
    """Return the objects of a list; none where *value* is not a list."""
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


_TEXTS = ("code", "message", "backend", "reference", "nodeid", "xfail")
_LISTS = ("details", "notes", "warnings", "traceback")


def _row(row: Any, shown: str, number: int) -> CheckResult:
    if not isinstance(row, dict):
        raise _not_a_report(shown, f"results[{number}] is not an object")
    for name in ("model", "check", "verdict"):
        if not isinstance(row.get(name), str):
            raise _not_a_report(shown, f"results[{number}].{name} is missing or not text")
    if row["verdict"] not in {verdict.value for verdict in Verdict}:
        raise _not_a_report(shown, f"results[{number}].verdict is {row['verdict']!r}")
    plain: dict[str, Any] = {name: row[name] for name in ("model", "check", "verdict")}
    plain |= {name: row[name] for name in _TEXTS if isinstance(row.get(name), str)}
    for name in _LISTS:
        lines: Sequence[Any] = row[name] if isinstance(row.get(name), list) else ()
        plain[name] = tuple(line for line in lines if isinstance(line, str))
    batch, seconds = row.get("batch"), row.get("duration_s")
    plain["batch"] = batch if isinstance(batch, int) and not isinstance(batch, bool) else None
    plain["figures"] = row["figures"] if isinstance(row.get("figures"), dict) else {}
    plain["duration_s"] = float(seconds) if isinstance(seconds, (int, float)) else 0.0
    return CheckResult.from_json(plain)


def _not_a_report(shown: str, why: str) -> ConfigError:
    return ConfigError(
        f"is not a report: {why}", code="E_FILE", subject=shown, remedy="name a JSON file that --onnx-report wrote"
    )
