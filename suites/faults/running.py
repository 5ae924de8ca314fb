"""A run of pytest as a user has it, and what is left of it: processes by a mark in their environment, and folders."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import onnx
from onnx import TensorProto, helper

import pytest_onnxaccel.report
from suites.unit.processes import heeds_interrupts

ROOT = Path(__file__).parents[2]
SITE = Path(__file__).parent / "site"
SCHEMA = json.loads((Path(pytest_onnxaccel.report.__file__).parent / "schema-v1.json").read_text())
#: Seconds that a run may take, on a machine that does much else.
PATIENCE = 180.0


def model(path: Path, fault: str = "well", padding: int = 0) -> Path:
    """A model that the faulty backend runs; *padding* bytes of weights that it does not need."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], fault,
        [value("x", TensorProto.FLOAT, [1, 4])], [value("y", TensorProto.FLOAT, [1, 4])],
    )  # fmt: skip
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    made.doc_string = "x" * padding
    onnx.save(made, path)
    return path


class Run:
    """One pytest process on the models in *folder*, with a private folder for temporary files.

    Attributes:
        temporary: the TMPDIR of the run.
        status: exit status, once it ended.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        models: Sequence[Path] = (),
        before: Callable[[], None] | None = None,
        temporary: Path | None = None,
        env: dict[str, str] | None = None,
        prefix: Sequence[str] = (),
        backend: str = "faulty",
    ) -> None:
        name = uuid.uuid4().hex
        self.mark = f"ONNXACCEL_FAULTS={name}"
        self.temporary = temporary or folder / f"tmp-{name}"
        self.temporary.mkdir(exist_ok=True)
        self.xml, self.json = folder / f"{name}.xml", folder / f"{name}.json"
        self._before = before
        self._log = folder / f"{name}.txt"
        own = any(argument.startswith("--onnx-report") for argument in arguments)
        command = [
            *prefix, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--onnx-backend={backend}",
            *(f"--onnx-model={path}" for path in models), f"--junitxml={self.xml}",
            *([] if own else [f"--onnx-report={self.json}"]), *arguments,
        ]  # fmt: skip
        environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join([str(SITE), str(ROOT)]), "TMPDIR": str(self.temporary),
            "XDG_CACHE_HOME": str(self.temporary.parent / "cache"), "ONNXACCEL_FAULTS": name, "COLUMNS": "160",
            "PYTEST_DEBUG_TEMPROOT": str(folder), **(env or {}),
        }  # fmt: skip
        environment.pop("PYTEST_XDIST_WORKER", None)
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=self._prepare,
            )  # fmt: skip

    def _prepare(self) -> None:
        heeds_interrupts()
        if self._before is not None:
            self._before()

    def wait(self) -> Run:
        """Until it ended."""
        self.process.wait(PATIENCE)
        return self

    def reaches(self, point: Callable[[], bool]) -> bool:
        """Whether *point* comes before the run ends."""
        deadline = time.monotonic() + PATIENCE
        while not (reached := point()) and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return reached

    @property
    def status(self) -> int | None:
        return self.process.returncode

    @property
    def out(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.json.read_text())
        jsonschema.validate(found, SCHEMA)
        return found

    @property
    def codes(self) -> dict[str, str]:
        """Code of each row by model; there is one check."""
        return {row["model"].removesuffix(".onnx"): row["code"] for row in self.report["results"]}

    def began(self) -> bool:
        """The worker of a model that hangs or stops has come so far."""
        try:
            return any(self.temporary.glob("onnxaccel-*/**/began"))
        except FileNotFoundError:  # a folder of another process went while this looked
            return False

    def left(self) -> list[str]:
        """What is there of this run: processes, and folders in its TMPDIR."""
        found = [str(path) for path in self.temporary.glob("onnxaccel*")]
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes()
                    marked = self.mark.encode() in (entry / "environ").read_bytes().split(b"\0")
                    # A sentinel has a clean environment, and the folder that it guards among its arguments
                    if marked or os.fsencode(self.temporary) in command:
                        found.append(f"{entry.name}: {command.replace(bytes(1), b' ')!r}")
                except OSError:
                    continue
        return found

    def gone_after(self, limit: float = 30.0) -> float:
        """Seconds until nothing is left of it."""
        start = time.monotonic()
        while left := self.left():
            assert time.monotonic() - start < limit, left
            time.sleep(0.05)
        return time.monotonic() - start

    def agrees(self) -> dict[str, Any]:
        """Its JSON report, when that, the JUnit file and the line at the end count the same tests alike."""
        assert "INTERNALERROR" not in self.out, self.out
        assert "Traceback" not in self.out, self.out
        report = self.report
        cases = list(ElementTree.parse(self.xml).iter("testcase"))
        rows = report["results"]
        assert sorted(map(_told, cases)) == sorted((r["model"], r["check"], r["verdict"], r["code"]) for r in rows)
        # What an xdist worker died of is an error to pytest, and a failed check to us
        failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
        skipped = sum(case.find("skipped") is not None for case in cases)
        counts = Counter(row["verdict"] for row in rows)
        assert (failed, skipped) == (counts["failed"], counts["not_applicable"])
        assert report["summary"] == {key: counts[key] for key in report["summary"]}
        assert _tally(self.out) == {key: counts[key] for key in counts if counts[key]}
        assert all(len(row["message"]) <= 300 and row["message"].isprintable() for row in rows)
        assert not re.search(r"^(::|##)", self.out, re.MULTILINE)
        return report


def _told(case: ElementTree.Element) -> tuple[str, ...]:
    """What the properties of a JUnit case say."""
    said = {p.get("name"): p.get("value") or "" for p in case.iter("property")}
    return tuple(said[f"onnxaccel.{name}"] for name in ("model", "check", "verdict", "code"))


def _tally(out: str) -> dict[str, int]:
    line = next((line for line in out.splitlines() if line.startswith("checks: ")), "checks: ")
    found = re.findall(r"(\d+) ([a-z ]+)", line)
    return {words.strip().replace(" ", "_"): int(number) for number, words in found}


@contextmanager
def ended(run: Run) -> Iterator[Run]:
    """*run*, which is ended with all that is left of it, whatever the test does."""
    try:
        yield run
    finally:
        run.process.kill()
        run.process.wait()
        for line in run.left():
            if line.partition(":")[0].isdigit():
                os.kill(int(line.partition(":")[0]), 9)
