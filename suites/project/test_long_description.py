"""What an index page shows: the README, whose links lead to files of the repository."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def project() -> ProjectMetadata:
    """The metadata that a build writes."""
    return ProjectMetadata(str(ROOT), PluginManager())


def test_links_of_the_built_description_lead_to_files(project: ProjectMetadata) -> None:
    text = project.core.readme
    assert project.core.readme_content_type == "text/markdown"
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = f"{table['urls']['Source']}/blob/v{table['version']}/"
    links = LINK.findall(text)
    relative = LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(links) == len(relative) > 20
    for link in links:
        assert link.startswith(("https://", "#")), link
        if link.startswith(base):
            assert (ROOT / link.removeprefix(base).partition("#")[0]).exists(), link
    assert sum(link.startswith(base) for link in links) > 20


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[a](docs/a.md)", "[a](R/blob/v1/docs/a.md)"),
        ("[a](docs/a.md#part)", "[a](R/blob/v1/docs/a.md#part)"),
        ("![a](docs/a.png)", "![a](R/raw/v1/docs/a.png)"),
        ("[a](https://example.org/a)", "[a](https://example.org/a)"),
        ("[a](mailto:a@example.org)", "[a](mailto:a@example.org)"),
        ("[a](#part)", "[a](#part)"),
        ("[`a`](docs/a.md)", "[`a`](R/blob/v1/docs/a.md)"),
        ("`x[1](2)` is code", "`x[1](2)` is code"),
        ("```python\nx[1](2)\n```", "```python\nx[1](2)\n```"),
    ],
)
def test_one_link(hook: ModuleType, before: str, after: str) -> None:
    assert hook.with_addresses(before, "R", "v1") == after
