"""Models that people ship in wheels through the gate: ``python -m suites.wheels.run FOLDER``.

FOLDER holds wheels (``pip download --no-deps rapidocr nudenet silero-vad -d FOLDER``), unpacked ones, or plain
``.onnx`` files. Nothing is installed and nothing of a package runs: the models alone are taken out. Each goes through
the gate with no manifest, in a process of its own; what it was fed, and what came of it, is printed as a table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from suites.wheels.table import Gated, page, problems

#: A model that takes longer than this is told as such, seconds.
LONGEST = 900
BACKENDS = "ort-cpu,reference"


def models(folder: Path, unpacked: Path) -> Iterator[tuple[str, Path]]:
    """``package version`` and path of every model in *folder*; those of wheels are taken out into *unpacked*."""
    for wheel in sorted(folder.glob("*.whl")):
        package, version = wheel.name.split("-")[:2]
        with zipfile.ZipFile(wheel) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".onnx"):
                    yield f"{package} {version}", Path(archive.extract(name, unpacked / wheel.stem))
    for path in sorted(folder.rglob("*.onnx")):
        yield path.relative_to(folder).parts[0] if path.parent != folder else "", path


def gated(package: str, path: Path, backends: str = BACKENDS, seconds: float = LONGEST) -> Gated:
    """What the gate says of one model."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--onnx-model={path.resolve()}",
            f"--onnx-backend={backends}", "-k", "not latency", f"--onnx-report={report}",
        ]  # fmt: skip
        root = str(Path(__file__).parents[2])
        paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
        try:
            done = subprocess.run(
                command, cwd=scratch, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True,
                timeout=seconds, check=False,
            )  # fmt: skip
            said = done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            said = f"not done after {seconds:g} s"
        rows: list[dict[str, Any]] = json.loads(report.read_text())["results"] if report.exists() else []
    return Gated(package, path.name, tuple(rows), "" if rows else said[-300:])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and say by the exit status whether something failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--like", default="", help="models with this in their path")
    parser.add_argument("--backends", default=BACKENDS)
    parser.add_argument("--json", type=Path, help="file for every row")
    asked = parser.parse_args(arguments)
    found = []
    with tempfile.TemporaryDirectory() as unpacked:
        for package, path in models(asked.folder, Path(unpacked)):
            if asked.like in str(path):
                found.append(gated(package, path, asked.backends))
                print(f"{package} {path.name}: {found[-1].verdicts() or found[-1].said}", file=sys.stderr, flush=True)
    if asked.json:
        asked.json.write_text(json.dumps([one.to_json() for one in found], indent=1))
    print(page(found))
    told = problems(found)
    print(*told, sep="\n")
    return int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
