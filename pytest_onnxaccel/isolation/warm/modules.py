"""Which modules a template of workers imports: those of the backends that open a process for each model."""

from __future__ import annotations

#: What nearly every worker of this interpreter needs before it can do anything.
FIRST = (
    "numpy",
    "onnxruntime",
    "onnx",
    "pytest_onnxaccel.isolation.confinement.landlock",
    "pytest_onnxaccel.isolation.confinement.places",
    "pytest_onnxaccel.isolation.confinement.sockets",
    "pytest_onnxaccel.isolation.confinement.syscalls",
)
#: What onnx's evaluator needs: some two hundred modules of operators.
EVALUATOR = (
    "onnx.reference",
    "onnx.reference.ops._op_list",
    "pytest_onnxaccel.backends.reference",
    "pytest_onnxaccel.backends.reference_faults",
    "pytest_onnxaccel.backends.reference_operators",
    "pytest_onnxaccel.graph.arithmetic.model",
    "pytest_onnxaccel.graph.opset",
)
#: What may be called once the evaluator's modules are imported, and once the usual ones are; the template does so.
WARM_UP = "pytest_onnxaccel.backends.reference_operators:warm_up"
REHEARSALS = ("pytest_onnxaccel.graph.rehearsal:rehearse", "pytest_onnxaccel.backends.onnxruntime.kernels:list_kernels")
#: What judging a model needs, nearly always.
USUAL = (
    "numpy.random",
    "encodings.ascii",
    "pytest_onnxaccel.backends.onnxruntime.cpu",
    "pytest_onnxaccel.backends.onnxruntime.kernels",
    "pytest_onnxaccel.graph.describe",
    "pytest_onnxaccel.graph.inputs.facts",
    "pytest_onnxaccel.graph.lint",
    "pytest_onnxaccel.graph.outputs.facts",
    "pytest_onnxaccel.graph.reach.variant",
    "pytest_onnxaccel.graph.rebatch.rebatch",
    "pytest_onnxaccel.graph.rehearsal",
    "pytest_onnxaccel.graph.validate",
    "pytest_onnxaccel.isolation.child.look",
    "pytest_onnxaccel.numerics.reach.coverage",
    "pytest_onnxaccel.numerics.reach.sensitivity",
    "pytest_onnxaccel.numerics.unpacked",
)
#: All that a template imports, when a worker asks for it. None of it starts threads that a fork would lose, opens
#: files that stay open, or reads a model.
WARM = frozenset((*FIRST, *USUAL, *EVALUATOR))
