"""Files of reports: what is written, and what a run is compared with."""

from __future__ import annotations

import os
from importlib.util import find_spec

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.plugin.options.answers import path_of, text_of, texts
from pytest_onnxaccel.plugin.options.read import Given

#: Formats of ``--onnx-report`` by extension, each with the libraries that it needs.
REPORTS: dict[str, tuple[str, ...]] = {".json": (), ".md": (), ".html": ("jinja2", "matplotlib")}


def reports(answer: Given) -> tuple[str, ...]:
    """Return the absolute paths of ``--onnx-report``; its libraries are here, or it is refused before the run."""
    return tuple(dict.fromkeys(_report(text, answer) for text in texts(answer)))


def _report(text: str, answer: Given) -> str:
    path = os.path.abspath(answer.base / os.path.expanduser(text))
    extension = os.path.splitext(path)[1].lower()
    if extension not in REPORTS:
        said = f"the extension {extension!r}" if extension else "no extension"
        raise ConfigError(
            f"{text!r} has {said}, which names no report format",
            remedy=f"known: {', '.join(REPORTS)}",
        )
    if os.path.isdir(path):
        raise ConfigError(f"{text!r} is a folder", remedy="name a file to write")
    # Told before the run: minutes later the page could only be missing
    missing = [library for library in REPORTS[extension] if find_spec(library) is None]
    if missing:
        raise ConfigError(
            f"{text!r} needs {' and '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} not installed",
            remedy="python -m pip install 'pytest-onnxaccel[report]'",
        )
    return path


def baseline(answer: Given) -> str:
    """Return the absolute path of ``--onnx-baseline``."""
    path = path_of(answer)
    if os.path.splitext(path)[1].lower() != ".json":
        raise ConfigError(
            f"{text_of(answer)!r} is not a JSON report", remedy="name a file that --onnx-report=X.json wrote"
        )
    return path
