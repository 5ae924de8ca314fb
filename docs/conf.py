"""How Sphinx builds the documentation site: ``tox -e docs``. It asks nobody for anything."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

_PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = _PROJECT["name"]
version = release = _PROJECT["version"]
extensions = ["myst_parser"]
html_theme = "furo"
html_title = project
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
exclude_patterns = ["ci", "README.md"]
nitpicky = True
# Languages of examples that Pygments does not know are shown as they are
suppress_warnings = ["misc.highlighting_failure"]


def outward(app: Any, name: str, source: list[str]) -> None:
    """Turn links to files outside of docs/ into addresses of the repository."""
    up = "../" * (name.count("/") + 1)
    repository = f"{_PROJECT['urls']['Source']}/blob/main/"
    source[0] = re.sub(rf"\]\({re.escape(up)}(?!\.\.)", f"]({repository}", source[0])


def setup(app: Any) -> None:
    """Register what is done to each page."""
    app.connect("source-read", outward)
