"""Words that parts of the plugin know each other by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.state import State

#: What makes the state of a run that nothing has made ours yet.
ACTIVATE = pytest.StashKey[Callable[[pytest.Config], "State"]]()

#: Parameter of ``onnx_model`` when the run has no model.
NO_MODEL = "no-model"
#: Why a test is then skipped.
NO_MODEL_GIVEN = "no model was given: use --onnx-model PATH, or name one in onnxaccel.toml"
#: Property of a test that was: the folder of the nearest manifest, or nothing.
WITHOUT_MODEL = "onnxaccel.without_model"
#: Parameter of a fixture that was asked for by ``request.getfixturevalue``, or that another fixture wraps.
UNSET = "onnxaccel-unset"

#: Reached by our own ``onnx_model`` alone.
OURS = "_onnxaccel_ours"
#: By the name of a fixture, the one that holds its parameter.
PARAMETERS = {"onnx_model": "_onnxaccel_model", "backend": "_onnxaccel_backend", "frozen_batch": "_onnxaccel_batch"}
