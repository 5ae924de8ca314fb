"""Words that parts of the plugin know each other by."""

from __future__ import annotations

#: Parameter of ``onnx_model`` when the run has no model.
NO_MODEL = "no-model"
