"""Fixtures of the faults: pytest processes that are ended, and nothing of them left, when a test is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from suites.faults.running import Run, ended

pytestmark_proc = Path("/proc/self/environ").exists()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not pytestmark_proc and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="looks for processes in /proc"))


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """``launch(*arguments, models=...)``: pytest in *tmp_path*, still running."""
    with ExitStack() as stack:

        def start(*arguments: str, **more: Any) -> Run:
            return stack.enter_context(ended(Run(tmp_path, *arguments, **more)))

        yield start
