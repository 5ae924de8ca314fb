"""The README's examples run, and its links lead somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from suites.pages import code_of

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CODE_OF_CONDUCT.md",
    "SECURITY.md",
    "CHANGELOG.md",
    *(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").rglob("*.md")),
]


example = partial(code_of, README, end="\n")


@pytest.fixture
def detector(tmp_path: Path, shipped: Path) -> Path:
    return Path(shutil.copy(shipped / "slim-320.onnx", tmp_path / "detector.onnx"))


def test_the_manifest(gate: Callable, detector: Path, tmp_path: Path) -> None:
    (tmp_path / "onnxaccel.toml").write_text(example("manifest"))
    run = gate("--onnx-backend=ort-cpu")
    assert run.status == 0, run.out
    assert {r["model"] for r in run.rows} == {"detector"}
    assert [r["batch"] for r in run.rows if r["check"] == "latency"] == [1, 3]
    assert run.row("batch")["figures"]["sizes"] == [1, 3]
    assert all(r["figures"]["budget"] for r in run.rows if r["check"] == "latency")


def test_the_markers(gate: Callable, detector: Path, tmp_path: Path) -> None:
    (tmp_path / "test_detector.py").write_text(example("markers"))
    run = gate("--onnx-model=detector.onnx", "--onnx-backend=ort-cpu", "-k", "test_detector")
    assert run.status == 0, run.out
    assert "4 passed" in run.out


def test_the_api(detector: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", example("api")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["structure", "passed"],
        ["contract", "passed"],
        ["parity", "passed"],
    ]


def test_the_first_command_is_the_main_job(gate: Callable) -> None:
    """Its second half, as it stands; setting up is tox's and CI's."""
    line = next(line for line in README.splitlines() if "-m pytest --onnx-model=" in line and "-m pip" in line)
    arguments = line.rpartition("-m pytest ")[2].split()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, "-k", "structure or contract"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"rfb-320.onnx +ort-cpu +1 +passed", done.stdout) or "ort-cpu        1  passed" in done.stdout


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), f"{document} links to {target}"


def test_the_index_has_every_page() -> None:
    docs = ROOT / "docs"
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", (docs / "README.md").read_text(encoding="utf-8")))
    assert linked == {page.name for page in docs.glob("*.md")} - {"README.md"}, "add the page to docs/README.md"


def test_every_code_is_documented() -> None:
    used = set()
    for file in (ROOT / "pytest_onnxaccel").rglob("*.py"):
        used |= set(re.findall(r"\"([EV]_[A-Z]+)\"", file.read_text(encoding="utf-8")))
    documented = set(re.findall(r"`([EV]_[A-Z]+)`", (ROOT / "docs" / "codes.md").read_text(encoding="utf-8")))
    assert used <= documented, used - documented
