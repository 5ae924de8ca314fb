"""The JSON report: every result and the run that made it, by the schema in ``schema-v1.json``."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping

from pytest_onnxaccel.core.errors import ConfigError, to_write
from pytest_onnxaccel.core.printing import harmless
from pytest_onnxaccel.core.results import SCHEMA_VERSION, CheckResult, Json, finite
from pytest_onnxaccel.report.counts import counts, ordered, worst
from pytest_onnxaccel.report.terminal.best_batch import best_batches

SCHEMA = "onnxaccel-report"

#: The first keys of a row, for a person who reads the file; the others follow.
_FIRST = ("model", "check", "backend", "reference", "batch", "verdict", "code", "message", "figures")


def report_of(
    results: Iterable[CheckResult],
    run: Mapping[str, Json],
    models: Iterable[Mapping[str, Json]] = (),
    speed: Iterable[Mapping[str, Json]] = (),
    comparison: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """Return the report in builtins; the order of *results* does not matter.

    Args:
        results: all of the run.
        run: from :func:`pytest_onnxaccel.report.run_info.RunFacts`.
        models: facts by model, each with its ``name``; models that only *results* name are added.
        speed: tables of ``python -m pytest_onnxaccel speed``.
        comparison: with a saved run; None or empty where there is none.
    """
    rows = ordered(results)
    tables = [dict(table) for table in speed]
    return {
        "schema": SCHEMA,
        "version": SCHEMA_VERSION,
        "run": dict(run),
        "models": _models(rows, models),
        "summary": counts(rows),
        "results": [_row(result) for result in rows],
        **({"speed": tables} if tables else {}),
        **({"comparison": dict(comparison)} if comparison else {}),
    }


def dumps(
    results: Iterable[CheckResult],
    run: Mapping[str, Json],
    models: Iterable[Mapping[str, Json]] = (),
) -> str:
    """Return the report as text, from what :func:`report_of` takes."""
    return text_of(report_of(results, run, models))


def with_speed(report: Mapping[str, Json], tables: Iterable[Mapping[str, Json]]) -> str:
    """*report* as text, with *tables* in its ``speed`` instead of those of the same models and backends."""
    added = [dict(table) for table in tables]
    new = {(table.get("model"), table.get("backend")) for table in added}
    before = report.get("speed") or []
    kept = [table for table in before if (table.get("model"), table.get("backend")) not in new]
    return text_of({**report, "speed": [*kept, *added]})


def text_of(report: Mapping[str, Json]) -> str:
    """Return *report* as the text of a file."""
    # ASCII, so that any reader and any locale takes it
    return json.dumps(harmless(finite(dict(report))), indent=2, allow_nan=False, default=str) + "\n"


def _models(rows: list[CheckResult], models: Iterable[Mapping[str, Json]]) -> list[dict[str, Json]]:
    facts = {str(model["name"]): model for model in models}
    found = []
    for name in sorted({*facts, *(row.model for row in rows)}):
        mine = [row for row in rows if row.model == name]
        best = [best.to_json() for best in best_batches(mine)]
        own: dict[str, Json] = {"name": name, "verdict": worst(mine).value, "summary": counts(mine)}
        own |= {"best_batch": best} if best else {}
        found.append({**own, **{key: value for key, value in facts.get(name, {}).items() if key not in own}})
    return found


def _row(result: CheckResult) -> dict[str, Json]:
    data = result.to_json()
    return {**{key: data[key] for key in _FIRST}, **data}


def replace_text(path: str | os.PathLike[str], text: str) -> None:
    """Put *text* at *path* by a temporary file next to it, so that no reader ever sees half of it.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        # A link stays a link: what it points to is replaced.
        target = os.path.realpath(path)
        folder = os.path.dirname(target)
        temporary = os.path.join(folder, f".onnxaccel-{os.urandom(6).hex()}.tmp")
        os.makedirs(folder, exist_ok=True)
        try:
            with open(temporary, "x", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            _remove(temporary)
            raise
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the report cannot be written: {getattr(error, 'strerror', None) or error}",
            code="E_FILE",
            subject=os.fspath(path),
            remedy=to_write(error, "name a file in a folder that can be written to"),
        ) from error


def _remove(path: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        os.unlink(path)
