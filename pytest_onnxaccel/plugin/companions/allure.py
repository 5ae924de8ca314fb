"""What allure-pytest shows of a test: the figures and messages of its checks, as parameters."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_onnxaccel.core.results import CheckResult


def tell(item: pytest.Item, result: CheckResult) -> None:
    """Add *result* to allure's report of *item*, where one is written.

    They are excluded parameters: another figure does not make another test of it in allure's history.
    """
    if not item.config.pluginmanager.has_plugin("allure_listener"):
        return
    from pytest_onnxaccel.report.junit import properties
    from pytest_onnxaccel.report.row_text import rows

    dynamic = import_module("allure").dynamic
    for row in rows(properties(result)):
        told = [("verdict", row.verdict), ("message", row.message), *row.figures]
        for name, value in told:
            if value:
                dynamic.parameter(f"{row.title} {name}", _Shown(value), excluded=True)


class _Shown:
    """A text that allure, which shows what ``repr`` gives, shows without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text
