"""What sp-repo-review asks of a project holds here, or a line in pyproject.toml says why not."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
from repo_review.processor import process

ROOT = Path(__file__).parents[2]
#: What the rules read.
FILES = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-config.yaml", "tox.ini", ".gitignore")


def failing(folder: Path) -> list[str]:
    """The rules that *folder* breaks."""
    return [f"{rule.name}: {rule.description}" for rule in process(folder).results if rule.result is False]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the rules read of this repository, to be changed."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    (tmp_path / "docs").mkdir()
    return tmp_path


def test_every_rule_holds_or_is_ignored() -> None:
    assert len(process(ROOT).results) > 40
    assert failing(ROOT) == []


def test_every_rule_that_is_ignored_has_a_reason_and_would_fail(copy: Path) -> None:
    project = (copy / "pyproject.toml").read_text(encoding="utf-8")
    ignored = tomllib.loads(project)["tool"]["repo-review"]["ignore"]
    assert all(isinstance(reason, str) and len(reason.split()) > 1 for reason in ignored.values())
    (copy / "pyproject.toml").write_text(project.replace("[tool.repo-review.ignore]", "[tool.elsewhere]"))
    assert {line.split(":")[0] for line in failing(copy)} == set(ignored)


@pytest.mark.parametrize(
    ("old", "new", "rule"), [("xfail_strict = true", "", "PP305"), ("strict = true\nfiles", "files", "MY101")]
)
def test_a_rule_that_is_broken_is_told(copy: Path, old: str, new: str, rule: str) -> None:
    assert failing(copy) == []
    project = (copy / "pyproject.toml").read_text(encoding="utf-8")
    assert old in project
    (copy / "pyproject.toml").write_text(project.replace(old, new), encoding="utf-8")
    assert [line.split(":")[0] for line in failing(copy)] == [rule]
