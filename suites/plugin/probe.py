"""A plugin that only reads the options: what settings make of them, without the rest of the plugin."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_onnxaccel.plugin.options import read as options
from pytest_onnxaccel.plugin.options.settings import Settings

Read = Callable[..., Settings]

NATIVE = pytest.mark.skipif(pytest.version_tuple < (9, 0), reason="native TOML settings came with pytest 9.0")

PROBE = """
from pytest_onnxaccel.plugin.options.read import add_options as pytest_addoption
from pytest_onnxaccel.plugin.options.header import header
from pytest_onnxaccel.plugin.options.read_settings import read_settings

def pytest_configure(config):
    config.onnxaccel_settings = read_settings(config)

def pytest_report_header(config):
    return header(config.onnxaccel_settings)
"""


class Probe:
    """A plugin that only declares the options."""

    pytest_addoption = staticmethod(options.add_options)
