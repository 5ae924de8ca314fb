"""A trap of pytest's: a path after ``--onnx-model`` moves its rootdir away from the configuration in use.

pytest chooses its rootdir before it knows the options of plugins: ``--onnx-model ../models/rfb.onnx`` looks
to it like a test path. With ``--onnx-model=../models/rfb.onnx`` it does not.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from pytest_onnxaccel.core.printing import escaped
from pytest_onnxaccel.plugin.options.read import OPTIONS

_CONFIGS = (
    ("pytest.toml", "[pytest]"),
    (".pytest.toml", "[pytest]"),
    ("pytest.ini", ""),
    (".pytest.ini", ""),
    ("pyproject.toml", "[tool.pytest"),
    ("tox.ini", "[pytest]"),
    ("setup.cfg", "[tool:pytest]"),
)


def ignored_config(config: pytest.Config) -> str | None:
    """Return one line, when a stray path kept pytest from the configuration of the folder it was started in."""
    here = config.invocation_params.dir
    if config.inipath is not None and (here == config.inipath.parent or config.inipath.parent in here.parents):
        return None
    arguments = [str(argument) for argument in config.invocation_params.args]
    if any(argument.split("=")[0] in ("-c", "--config-file", "--rootdir") for argument in arguments):
        return None
    flags = {option.flag for option in OPTIONS if option.metavar}
    for flag, value in pairwise(arguments):
        if flag in flags and (here / value).exists():
            missed = _config(here)
            if missed is not None:
                return escaped(
                    f"pytest did not read {missed}, because the path after {flag} moved its rootdir to "
                    f"{config.rootpath} - write {flag}={value}"
                )
    return None


def _config(folder: Path) -> Path | None:
    """Return the nearest configuration file that pytest would have read from *folder*."""
    for parent in (folder, *folder.parents):
        for name, section in _CONFIGS:
            path = parent / name
            if path.is_file() and section in path.read_text(encoding="utf-8", errors="replace"):
                return path
    return None
