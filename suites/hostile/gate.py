"""Builds cases, runs the gate over all of them in one pytest, and gathers what it said and what it left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from suites.hostile.adoption import adopted
from suites.hostile.case import Case, Entry, Place

#: Seconds after which a run hangs; the slowest group takes a tenth of it on two cores.
PATIENCE = 600

#: Part of the path of cases whose files the run's own conftest changes.
CHANGED = "/cases/late-"

#: Bytes that a process of a run may write into one file: a copy of what only pretends to be large must not fill the
#: disk of whoever runs this suite.
LARGEST = 1 << 30


@dataclass(frozen=True)
class Finished:
    """What one run of the gate came to.

    Attributes:
        status: exit status; None when it did not end.
        out: what it printed, bytes as they came.
        report: the JSON report; empty when there is none.
        junit: the root of the JUnit file; None when there is none, or none that is well-formed.
        canaries: names of files that only a payload makes.
        changed: what differs among the cases' own files, the import path and the home folder after the run.
        left: processes and temporary files that outlive the run.
    """

    cases: Sequence[Case]
    status: int | None
    out: bytes
    report: dict[str, Any] = field(default_factory=dict)
    junit: ElementTree.Element | None = None
    canaries: Sequence[str] = ()
    changed: Sequence[str] = ()
    left: Sequence[str] = ()


@dataclass(frozen=True)
class Site:
    """The folders of one run below *top*."""

    top: Path

    def __post_init__(self) -> None:
        for name in ("cases", "canary", "modules", "run", "home", "tmp", "cache", "out"):
            (self.top / name).mkdir()
        (self.top / "run/pytest.ini").write_text("[pytest]\n")

    def build(self, case: Case) -> Entry:
        """Write the files of *case*; what the manifest says of it."""
        folder = self.top / "cases" / case.name
        folder.mkdir()
        return case.build(Place(folder, self.top / "canary" / case.name, self.top / "modules"))

    def declare(self, entries: dict[str, Entry]) -> None:
        """Write the manifest, and with it what a run starts from."""
        text = "\n".join(entry.toml(name) for name, entry in entries.items())
        (self.top / "run/onnxaccel.toml").write_text("[defaults]\nbatch = [1]\n\n" + text, encoding="utf-8")

    def environment(self) -> dict[str, str]:
        folders = {"TMPDIR": "tmp", "HOME": "home", "XDG_CACHE_HOME": "cache", "PYTHONPATH": "modules"}
        return {
            **os.environ,
            **{key: str(self.top / name) for key, name in folders.items()},
            "COLUMNS": "160",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def command(self, arguments: Sequence[str]) -> list[str]:
        reports = (f"--onnx-report={self.top / 'out/report.json'}", f"--junitxml={self.top / 'out/junit.xml'}")
        limited = ("sh", "-c", f'ulimit -f {LARGEST // 512} && exec "$@"', "sh")
        return [*limited, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *reports, *arguments]

    def state(self) -> dict[str, tuple[int, ...]]:
        """Mode, size and time of change of all that no run may touch, by path."""
        found = {}
        for watched in ("cases", "modules", "home", "run"):
            for folder, folders, names in os.walk(self.top / watched):
                for name in (*folders, *names):
                    path = os.path.join(folder, name)
                    known = os.lstat(path)
                    found[path] = (known.st_mode, known.st_size, known.st_mtime_ns)
        return found


def run_gate(top: Path, cases: Sequence[Case], *arguments: str, conftest: str = "", declared: bool = True) -> Finished:
    """Build *cases* below the empty folder *top* and run pytest over all of them at once.

    Args:
        arguments: of pytest.
        conftest: text of the ``conftest.py`` of the run.
        declared: the cases stand in a manifest; otherwise ``--onnx-model`` names each.
    """
    site = Site(top)
    entries = {case.name: site.build(case) for case in cases}
    if declared:
        site.declare(entries)
        named = []
    else:
        named = [f"--onnx-model={entry.model}" for entry in entries.values()]
    if conftest:
        (top / "run/conftest.py").write_text(conftest)
    before = site.state()
    status: int | None = None
    with adopted() as orphans:
        try:
            done = subprocess.run(
                site.command([*arguments, *named]), cwd=top / "run", env=site.environment(),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=PATIENCE, check=False,
            )  # fmt: skip
            status, out = done.returncode, done.stdout
        except subprocess.TimeoutExpired as error:
            out = error.stdout or b""
        left = orphans()
    after = site.state()
    return Finished(
        cases=cases,
        status=status,
        out=out,
        report=_json(top / "out/report.json"),
        junit=_xml(top / "out/junit.xml"),
        canaries=sorted(os.listdir(top / "canary")),
        changed=sorted(
            path for path in {*before, *after} if before.get(path) != after.get(path) and CHANGED not in path
        ),
        left=[*left, *sorted(os.listdir(top / "tmp"))],
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _xml(path: Path) -> ElementTree.Element | None:
    try:
        return ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return None
