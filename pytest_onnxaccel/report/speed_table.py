"""The speed table as text, and as the ``speed`` section of a JSON report."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_onnxaccel.checks.speed.table import CONFIDENCE, SHIPPED, Row, SpeedTable
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.results import SCHEMA_VERSION
from pytest_onnxaccel.numerics.timing.block_bounds import Estimate
from pytest_onnxaccel.report.json_report import SCHEMA, dumps, replace_text, with_speed
from pytest_onnxaccel.report.run_info import RunFacts
from pytest_onnxaccel.report.text_format import cells, name, pad, safe

_LONGEST = 300


def speed_lines(table: SpeedTable) -> list[str]:
    """Return the table, what qualifies it, and the advice."""
    timed = [row for row in table.rows if row.taken is not None]
    first = timed[0] if timed else None
    heads = ["", f"ms a call ({CONFIDENCE:.0%})"]
    over = [first.way.key] if first is not None and len(timed) > 1 else []
    over += [SHIPPED] if over and over[0] != SHIPPED else []
    heads += [f"times as fast as {_short(table, key)}" for key in over]
    lines = [heads]
    for row in table.rows:
        title = name(row.way.title, 60)
        if row.taken is None:
            remedy = f": {row.way.remedy}" if row.way.remedy else ""
            lines.append([title, f"- {safe(row.way.why + remedy, _LONGEST)}"])
        else:
            lines.append([title, _taken(row.taken), *(_times(row, key) for key in over)])
    widths = [max(cells(line[i]) for line in lines if i < len(line) - (line[1][:2] == "- ")) for i in range(len(heads))]
    shown = ["  ".join(pad(cell, width) for cell, width in zip(line, widths, strict=False)).rstrip() for line in lines]
    shown.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return [*_about(table), "", *shown, "", *_notes(table)]


def _about(table: SpeedTable) -> list[str]:
    facts = table.facts
    inputs = ", ".join(f"{key} {'x'.join(map(str, shape)) or 'scalar'}" for key, shape in facts["inputs"].items())
    count = facts["threads"]
    threads = f"{count} thread{'' if count == 1 else 's'} for each" if count else "each with its own number of threads"
    runs = f", in {table.runs} runs of the command" if table.runs > 1 else ""
    return [
        f"{name(table.model, 60)}: {safe(inputs, 100)}; {threads}",
        f"all in turn, {table.pairs} samples of each in {table.seconds:.0f} s{runs}",
    ]


def _notes(table: SpeedTable) -> list[str]:
    found = []
    if table.control is not None:
        text = f"control: a second session of the model as shipped is {table.control} times as fast as the first"
        found.append(text if table.fit else f"{text}: the machine is not fit to tell small differences")
    for row in table.rows:
        found += [f"{name(row.way.title, 60)}: {safe(note, _LONGEST)}" for note in row.way.notes]
    return [*found, *(safe(line, _LONGEST) for line in table.advice)]


def _short(table: SpeedTable, key: str) -> str:
    if key == SHIPPED:
        return "shipped"
    title = next(row.way.title for row in table.rows if row.way.key == key)
    # Without its version
    return name(title.partition(",")[0].rpartition(" ")[0] or title, 30)


def _taken(found: Estimate) -> str:
    bounds = "no bounds" if found.lower is None or found.upper is None else f"{_ms(found.lower)} to {_ms(found.upper)}"
    return f"{_ms(found.value)} ({bounds})"


def _ms(nanoseconds: float) -> str:
    ms = nanoseconds / 1e6
    return f"{ms:.3g}" if ms < 1000 else f"{ms:.0f}"


def _times(row: Row, key: str) -> str:
    if row.way.key == key:
        return "1"
    return str(row.times[key]) if key in row.times else ""


def check_target(path: str | os.PathLike[str]) -> None:
    """Refuse a file that is there and no report, before minutes are spent for it.

    Raises:
        ConfigError: as it says.
    """
    if os.path.exists(path):
        _report(path)


def write_speed(path: str | os.PathLike[str], tables: Sequence[SpeedTable]) -> None:
    """Put *tables* into the JSON report at *path*: a report that is there keeps all else, and a new one is made.

    Raises:
        ConfigError: the file is something else, or cannot be written.
    """
    entries = [table.to_json() for table in tables]
    if os.path.exists(path):
        replace_text(path, with_speed(_report(path), entries))
        return
    seconds = sum(table.seconds for table in tables)
    versions = {key: str(value) for table in tables for key, value in table.facts.get("versions", {}).items()}
    run = RunFacts(time.time() - seconds, seconds, 0, versions).to_json()
    models = [{"name": table.model} for table in tables]
    replace_text(path, with_speed(json.loads(dumps([], run, models)), entries))


def _report(path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or (found.get("schema"), found.get("version")) != (SCHEMA, SCHEMA_VERSION):
        raise ConfigError(
            f"is there already, and no report of version {SCHEMA_VERSION}",
            code="E_FILE",
            subject=os.fspath(path),
            remedy="name another file",
        )
    return found
