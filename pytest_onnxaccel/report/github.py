"""What GitHub Actions shows of a run: annotations for failures, and the summary of the job."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.report.counts import subject
from pytest_onnxaccel.report.failure_text import failure_lines
from pytest_onnxaccel.report.text_format import safe

if TYPE_CHECKING:
    from pytest_onnxaccel.report.run_report import RunReport

#: GitHub shows as many annotations of one step.
MOST = 10


def annotation_lines(failed: Sequence[CheckResult]) -> list[str]:
    """Return the workflow commands that mark *failed* checks; those that GitHub would not show are counted.

    Args:
        failed: results that fail the run.
    """
    shown = failed if len(failed) <= MOST else failed[: MOST - 1]
    lines = [_annotation(result) for result in shown]
    if len(shown) < len(failed):
        lines.append(f"::error title=ONNX models::and {len(failed) - len(shown)} more checks failed")
    return lines


def _annotation(result: CheckResult) -> str:
    place = ""
    file = result.nodeid.partition("::")[0]
    if file.endswith(".py"):
        place = f"file={_property(file)},"
    title = _property(safe(f"{result.code} {subject(result)}", 120))
    text = "%0A".join(_data(line) for line in failure_lines(result))
    return f"::error {place}title={title}::{text}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def on_github(environment: Mapping[str, str]) -> bool:
    """Return whether this is a job of GitHub Actions."""
    return environment.get("GITHUB_ACTIONS") == "true"


def append_summary(path: str, report: RunReport) -> None:
    """Add *report* to the job summary in the file *path*, within what GitHub takes.

    Raises:
        ConfigError: the file cannot be written.
    """
    from pytest_onnxaccel.report.markdown.page import LARGEST, render

    try:
        # The file is there already: other steps, or another run of pytest, write to it too
        used = os.path.getsize(path) if os.path.exists(path) else 0
        text = render(report, max(LARGEST - used, 2000))
        if used + len(text.encode()) > LARGEST:
            return
        with open(path, "a", encoding="utf-8", newline="\n") as file:
            file.write(("\n" if used else "") + text)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the job summary cannot be written: {getattr(error, 'strerror', None) or error}",
            code="E_FILE",
            subject=path,
            remedy="unset GITHUB_STEP_SUMMARY, or name a file that can be written to",
        ) from error
