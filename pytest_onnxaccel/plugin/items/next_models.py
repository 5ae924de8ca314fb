"""Which model a worker may begin with while checks of the one before it still run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from pytest_onnxaccel.plugin.items.collect import CheckItem
from pytest_onnxaccel.runner.check_table import exclusive


def followers(items: Sequence[pytest.Item]) -> dict[str, str]:
    """Return by the id of a test the model that is next, whose first steps may run at the same time.

    That is the first test of a model after which nothing is timed until the next model: all tests from it on are
    built-in checks, and none of them measures. Tests of a project's own may measure what they like.
    """
    found: dict[str, str] = {}
    start: str | None = None
    for item, following in pairwise([*items, None]):
        if not isinstance(item, CheckItem) or exclusive(item.check_request.check):
            start = None
            continue
        start = start or item.nodeid
        if isinstance(following, CheckItem) and following.check_request.model != item.check_request.model:
            found[start] = following.check_request.model
            start = None
    return found
