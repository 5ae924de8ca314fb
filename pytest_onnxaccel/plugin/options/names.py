"""Names of backends and what a model can be compared with, checked against what is registered."""

from __future__ import annotations

from pytest_onnxaccel.runner.references import SOURCES as SOURCES
from pytest_onnxaccel.runner.references import backend as backend
from pytest_onnxaccel.runner.references import function_source as function_source
from pytest_onnxaccel.runner.references import is_path as is_path
from pytest_onnxaccel.runner.references import is_source as is_source
from pytest_onnxaccel.runner.references import names_function as names_function
from pytest_onnxaccel.runner.references import reference as reference
