"""Tests that were skipped because the run has no model: one line at the end tells them, and a gate fails."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_onnxaccel.plugin.keys import NO_MODEL_GIVEN, WITHOUT_MODEL
from pytest_onnxaccel.plugin.options.declared.table import MANIFEST_NAME

#: Folders with a manifest that the line names one by one.
SHOWN = 3


def tell(item: pytest.Item, report: pytest.TestReport) -> None:
    """Let *report* carry the folder of the manifest that is nearest to its test, where the test found no model."""
    where = report.longrepr
    if report.skipped and isinstance(where, tuple) and NO_MODEL_GIVEN in str(where[-1]):
        report.user_properties.append((WITHOUT_MODEL, nearest_manifest(item.path.parent, item.config.rootpath)))


def told(report: pytest.TestReport) -> str | None:
    """Return what :func:`tell` noted; None where the test had a model."""
    return next((str(value) for name, value in report.user_properties if name == WITHOUT_MODEL), None)


def nearest_manifest(folder: Path, rootdir: Path) -> str:
    """Return the nearest folder with a manifest from *folder* up to below *rootdir*, relative to it; empty for none."""
    while rootdir in folder.parents:
        if os.path.lexists(folder / MANIFEST_NAME):
            return folder.relative_to(rootdir).as_posix()
        folder = folder.parent
    return ""


def line(found: Mapping[str, str], strict: bool) -> str:
    """Return what is told of tests without a model.

    Args:
        found: by the id of a test, the folder of its manifest; empty where there is none.
        strict: they fail the run.
    """
    tests = "1 test" if len(found) == 1 else f"{len(found)} tests"
    folders = sorted({folder for folder in found.values() if folder})
    remedy = "give --onnx-model=PATH, or name a model in onnxaccel.toml"
    if folders:
        more = f" and {len(folders) - SHOWN} more" if len(folders) > SHOWN else ""
        first = f"{folders[0]}/{MANIFEST_NAME}"
        remedy = f"run pytest in {', '.join(folders[:SHOWN])}{more}, or give --onnx-manifest={first}"
    why = ", which --onnx-strict does not accept" if strict else ""
    return f"not judged: {tests} skipped, because the run has no model{why} - {remedy}"
