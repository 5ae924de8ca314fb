"""The documentation site builds without a warning and asks nobody; what is wrong stops it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def build(docs: Path, out: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(docs), str(out)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_it_builds(tmp_path: Path) -> None:
    done = build(ROOT / "docs", tmp_path / "site")
    assert done.returncode == 0, done.stderr
    site = tmp_path / "site"
    pages = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    sources = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert sources - {"README"} <= pages  # it is the index of the repository, as index.md is that of the site
    first = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    for part in ("Tutorial", "How-to", "Reference", "Explanation"):
        assert part in first
    assert "report.png" in first
    loaded = re.findall(r"<(?:script|img|link)[^>]*\s(?:src|href)=\"(https?:)?//", first)
    assert not loaded


@pytest.mark.parametrize("wrong", ["[x](none.md)", "[x](options.md#none)", "```{toctree}\nnone\n```"])
def test_what_leads_nowhere_stops_it(tmp_path: Path, wrong: str) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "docs" / "conf.py", docs)
    (docs / "options.md").write_text("# Options\n")
    index = "# Site\n\n```{toctree}\noptions\n```\n\n"
    (docs / "index.md").write_text(index + "[x](options.md#options)\n")
    assert build(docs, tmp_path / "right").returncode == 0
    (docs / "index.md").write_text(index + wrong + "\n")
    assert build(docs, tmp_path / "wrong").returncode == 1
