"""Which modules a template of workers imports: those of the backends that open a process for each model."""

from __future__ import annotations

#: What nearly every worker of this interpreter needs before it can do anything.
FIRST = ("numpy", "onnxruntime", "onnx")
#: What workers may find imported. None of these starts threads that a fork would lose, or reads settings of a model.
WARM = (
    *FIRST,
    "onnx.reference",
    "pytest_onnxaccel.backends.onnxruntime.cpu",
    "pytest_onnxaccel.backends.reference",
    "pytest_onnxaccel.graph.describe",
    "pytest_onnxaccel.graph.inputs.facts",
    "pytest_onnxaccel.graph.lint",
    "pytest_onnxaccel.graph.outputs.facts",
    "pytest_onnxaccel.graph.reach.variant",
    "pytest_onnxaccel.graph.rebatch.rebatch",
    "pytest_onnxaccel.graph.validate",
    "pytest_onnxaccel.isolation.look",
    "pytest_onnxaccel.numerics.reach.coverage",
    "pytest_onnxaccel.numerics.reach.sensitivity",
    "pytest_onnxaccel.numerics.unpacked",
)
