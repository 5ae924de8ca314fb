"""The examples of docs/preprocessing.md run and print what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_onnxaccel.preprocessing import KINDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "preprocessing.md").read_text(encoding="utf-8")


def block(kind: str, name: str) -> str:
    found = re.search(rf"<!-- {kind}: {name} -->\n```\w+\n(.*?)\n```", PAGE, re.DOTALL)
    assert found, f"the page has no {kind} {name}"
    return found[1] + "\n"


def test_the_comparison(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block("example", "compare")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == block("output", "compare")


def test_the_strategies(tmp_path: Path) -> None:
    pytest.importorskip("hypothesis")
    (tmp_path / "test_it.py").write_text(block("example", "strategies"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_of_kinds_is_the_vocabulary() -> None:
    table = PAGE.split("<!-- kinds -->")[1].split("\n\n")[0]
    assert dict(re.findall(r"^\| `([a-z-]+)` \| (.*?) \|$", table, re.MULTILINE)) == KINDS


EXAMPLES = (Path(__file__).resolve().parents[2] / "docs" / "preprocessing-examples.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", re.findall(r"<!-- example: (\w+) -->", EXAMPLES))
def test_an_example_of_the_page_of_examples(name: str, tmp_path: Path) -> None:
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)\n```", EXAMPLES, re.DOTALL)
    assert found
    for module in re.findall(r"^(?:import|from) (cv2|torch|PIL)", found[1], re.MULTILINE):
        pytest.importorskip(module)
    done = subprocess.run([sys.executable, "-c", found[1]], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
