"""The plugin's entry: what every pytest run loads. It stays small; a run with models loads the rest."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_onnxaccel.plugin.keys import ACTIVATE, WITHOUT_MODEL
from pytest_onnxaccel.plugin.markers import table as marker_table
from pytest_onnxaccel.plugin.options import read as options

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.state import State

pytest_plugins = ("pytest_onnxaccel.plugin.fixtures.fixtures",)

#: The user property that holds a whole result as one string of JSON.
KEY = "onnxaccel"

#: Fixtures whose use makes a run ours even when no model was given: the test is then skipped with the reason.
_FIXTURES = frozenset(("onnx_model", "onnx_models", "backend", "frozen_batch", "convert"))


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)
    if any(argument.startswith("--onnx-model") for argument in sys.argv):
        from pytest_onnxaccel.plugin.prestart import start_at_a_hint

        start_at_a_hint()


def pytest_configure(config: pytest.Config) -> None:
    marker_table.register(config)
    config.stash[ACTIVATE] = _activated
    if options.may_be_mistaken(config):
        from pytest_onnxaccel.plugin.options.mistakes import refuse_mistakes

        refuse_mistakes(config)
    if options.is_configured(config):
        from pytest_onnxaccel.plugin.prestart import prestart

        staging = prestart(config)
        from pytest_onnxaccel.plugin.activate import activate

        activate(config, staging)
    elif "pytest_onnxaccel.plugin.prestart" in sys.modules:
        sys.modules["pytest_onnxaccel.plugin.prestart"].drop_hinted()


def _activated(config: pytest.Config) -> State:
    from pytest_onnxaccel.plugin.activate import activate

    return activate(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if hasattr(metafunc.config, "workerinput") and marker_table.strange(metafunc.definition):
        from pytest_onnxaccel.plugin.markers import misspelt

        misspelt.refuse_function(metafunc.definition)
    if marker_table.marked(metafunc.definition):
        from pytest_onnxaccel.plugin.markers import requests as markers

        # Here too, because under xdist an error in a later hook loses its text
        markers.validate_function(metafunc)
    if any(metafunc.definition.get_closest_marker(name) for name in marker_table.WITHOUT_MODEL):
        from pytest_onnxaccel.plugin.activate import activate

        activate(metafunc.config)
    if not _FIXTURES.isdisjoint(metafunc.fixturenames):
        from pytest_onnxaccel.plugin.parametrize import generate

        generate(metafunc)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not hasattr(config, "workerinput") and (odd := [item for item in items if marker_table.strange(item)]):
        from pytest_onnxaccel.plugin.markers import misspelt

        misspelt.refuse(odd)
    if any(marker_table.marked(item) for item in items):
        from pytest_onnxaccel.plugin.activate import activate
        from pytest_onnxaccel.plugin.markers import requests as markers

        markers.validate(items)
        activate(config)  # for methods of unittest.TestCase, too, which pytest_generate_tests is not asked of


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # The controlling process of pytest-xdist collects nothing: it learns of marked tests by what comes of them
    node = getattr(report, "node", None)
    if node is not None and any(name in (KEY, WITHOUT_MODEL) for name, _ in report.user_properties):
        from pytest_onnxaccel.plugin.activate import activate_by

        activate_by(node.config, report)
