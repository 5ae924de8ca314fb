"""What is asked of a model and what a model says of itself: frozen, in builtins, safe to carry between processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field, fields
from typing import Any

from pytest_onnxaccel.core.comparisons import Comparison, KnownFault
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.latency import LatencyBudget as LatencyBudget
from pytest_onnxaccel.core.latency import Scenario as Scenario
from pytest_onnxaccel.core.latency import Timing as Timing
from pytest_onnxaccel.core.latency import TimingPlan as TimingPlan

#: A dimension: a size, a symbol shared by the dimensions that must be equal, or unknown.
Dim = int | str | None


def is_function(name: str) -> bool:
    """Return whether *name* has the form ``package.module:function``."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")])


#: What NumPy's extensions say beyond ONNX's names: that there are only finite numbers.
_SHORTER = {
    "float4e2m1fn": "float4e2m1",
    "float6e2m3fn": "float6e2m3",
    "float6e3m2fn": "float6e3m2",
    "float8e8m0fnu": "float8e8m0",
}


def dtype_label(dtype: Any) -> str:
    """Return the name that :attr:`TensorSpec.dtype` has for a NumPy dtype: ``float8e4m3fn`` for ``float8_e4m3fn``."""
    if dtype.kind in "OSUT":
        return "string"
    name = str(dtype.name).replace("_", "")
    return _SHORTER.get(name, name)


@record(frozen=True)
class TensorSpec:
    """One input or output as the model declares it.

    Attributes:
        name: the value's name in the graph.
        dtype: NumPy's name of the element type (``float32``); ``string`` for text; ``bfloat16`` and the other
            types that NumPy lacks by their ONNX name in lower case; empty when undeclared.
        shape: one :data:`Dim` per axis, or None when the rank is undeclared.
        kind: ``tensor``, or ``sequence``, ``optional``, ``optional sequence``, ``map``, ``sparse`` for values that
            are not dense tensors. Of sequences and optionals of tensors, *dtype* and *shape* are those of the tensors.
    """

    name: str
    dtype: str
    shape: tuple[Dim, ...] | None
    kind: str = "tensor"

    def element(self, place: int) -> TensorSpec:
        """Return element *place* of a sequence of tensors, as it is fed: ``parts/0``."""
        return TensorSpec(f"{self.name}/{place}", self.dtype, self.shape)

    @property
    def holds_tensors(self) -> bool:
        """It is a sequence of tensors of a known type, which is fed element by element."""
        return self.kind.endswith("sequence") and bool(self.dtype)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TensorSpec:
        shape = data["shape"]
        return cls(data["name"], data["dtype"], None if shape is None else tuple(shape), data["kind"])

    def __str__(self) -> str:
        dims = "?" if self.shape is None else "x".join("?" if d is None else str(d) for d in self.shape)
        return f"{self.name} {self.dtype or '?'}[{dims}]"


@record(frozen=True)
class ModelInfo:
    """What inspection found in a model file.

    Attributes:
        inputs: the inputs a caller must feed: graph inputs that no initializer gives a value to.
        outputs: in the declared order.
        opsets: version by operator domain; the default domain is ``ai.onnx``.
        batch: size of axis 0 shared by all inputs: a number when fixed, a symbol when dynamic, None when
            the inputs share none.
        external: locations of external data, as the file gives them.
        operators: number of nodes by operator name, subgraphs included.
        dim_hints: sizes that occur in initializer shapes, most frequent first; tried for free dimensions.
    """

    ir_version: int
    opsets: Mapping[str, int]
    producer: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batch: Dim
    nodes: int
    initializers: int
    external: tuple[str, ...] = ()
    operators: Mapping[str, int] = field(default_factory=dict)
    dim_hints: tuple[int, ...] = ()

    @property
    def opset(self) -> int:
        """Version of the default operator domain; 0 when the model imports none."""
        return self.opsets.get("ai.onnx", 0)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ModelInfo:
        values = {f.name: data[f.name] for f in fields(cls)}
        for name in ("inputs", "outputs"):
            values[name] = tuple(TensorSpec.from_json(item) for item in values[name])
        for name in ("external", "dim_hints"):
            values[name] = tuple(values[name])
        return cls(**values)


@record(frozen=True)
class Tolerance:
    """``|candidate - reference| <= atol + rtol * |reference|``; None means the default for the output's dtype.

    ``origin`` says where the numbers come from, for the message (``--onnx-rtol``, ``onnxaccel.toml``).
    """

    rtol: float | None = None
    atol: float | None = None
    origin: str = "default"


@record(frozen=True)
class InputSpec:
    """How one input is filled: uniformly in ``[low, high)``, from a ``.npy``/``.npz`` file of samples, or from images.

    ``images`` is a glob; ``preprocess`` names the ``package.module:function`` that makes a sample of each of them;
    ``values`` are the only elements there may be; ``batch_axis`` is where the input carries the batch.
    """

    name: str
    low: float | None = None
    high: float | None = None
    file: str | None = None
    shape: tuple[int, ...] | None = None
    images: str | None = None
    preprocess: str | None = None
    values: tuple[int | float | str | bool, ...] | None = None
    batch_axis: int | None = None

    @property
    def says_values(self) -> bool:
        """The user said which values to draw."""
        return self.values is not None or (self.low is not None and self.high is not None)


@record(frozen=True)
class DimSpec:
    """What the user says of a free dimension: one size, several to be tried, or how it follows from others."""

    name: str
    sizes: tuple[int, ...] = ()
    formula: str | None = None


@record(frozen=True)
class Decision:
    """Decisions that both sides of a parity check must take alike.

    Attributes:
        kind: ``classification`` (argmax along the last axis) or ``detection`` (boxes after threshold and suppression).
        output: the classes; None for every output that looks like classes.
        scores, boxes: outputs of a detector: scores by box and class, corners by box.
        threshold: least score of a box, exclusive.
        iou: overlap past which the lower-scored of two boxes is suppressed.
        background: class that stands for no object; None for class 0 where a box's scores sum to 1, -1 for no class.
    """

    kind: str
    output: str | None = None
    scores: str = "scores"
    boxes: str = "boxes"
    threshold: float = 0.5
    iou: float = 0.5
    background: int | None = None


@record(frozen=True)
class BatchPlan:
    """Batch sizes asked for; empty when the user named none and the defaults apply."""

    sizes: tuple[int, ...] = ()
    origin: str = "default"


@record(frozen=True)
class SourceSpec:
    """What a model was converted from, as the user declared it. Which kind a file is, only its content tells.

    Attributes:
        path: of a file, or of the folder of a SavedModel, absolute; or ``package.module:function``, which is called.
        shown: the path as the user wrote it, for messages.
        loader: ``package.module:callable`` that builds what the file holds only the weights of; None where the file
            is whole.
        trusted: names that a pickled file may refer to beyond what PyTorch holds safe (``models.net.Net``,
            ``torch.nn.*``), and operators that a TensorFlow graph may hold (``tensorflow:MyOp``).
    """

    path: str
    shown: str
    loader: str | None = None
    trusted: tuple[str, ...] = ()
    origin: str = ""

    @property
    def function(self) -> bool:
        """It is a function, and no file."""
        return is_function(self.path)


@record(frozen=True)
class GoldenSpec:
    """Where golden data is.

    Attributes:
        path: absolute, of a folder or a file; empty: none is wanted.
        shown: the path as the user wrote it, for messages.
        found: nobody named it: it is ``test_data_set_*`` in the model's folder, *path*.
        shared: other models are there as well, so that it may be theirs.
    """

    path: str
    shown: str
    origin: str = ""
    found: bool = False
    shared: bool = False

    @property
    def named(self) -> bool:
        """The user asked for it."""
        return self.origin != "found next to the model"


@record(frozen=True)
class ModelSpec:
    """One model under test, as the user declared it.

    Attributes:
        name: unique in the run and part of each item's id; the file's name by default.
        path: as given, resolved against the folder it was given from.
        shown: the path as the user wrote it, for messages.
        reference: a backend's name, the path of another ``.onnx``, ``golden``, or ``package.module:function``; None for
            the default.
        source: what the model was converted from: the default reference, and what it is exported from again at
            another batch.
        dims: sizes of free dimensions by name.
        golden: inputs with the outputs that are right for them; None for what is next to the model.
        reach: least share of the weights that the inputs of a check must reach; None for the default.
        libraries: of custom operators: paths, or ``package.module:function`` that gives one.
        settings: by name of a check of another distribution, what the manifest says of it.
        comparisons: by output, how it is compared where that is not element by element.
        allow_inf, allow_random: outputs that may hold infinities, or numbers that are drawn; ``*`` for all.
        known_faults: faults that are accepted.
    """

    name: str
    path: str
    shown: str
    inputs: tuple[InputSpec, ...] = ()
    tolerance: Tolerance = Tolerance()
    output_tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    batch: BatchPlan = BatchPlan()
    budget: LatencyBudget = LatencyBudget()
    reference: str | None = None
    backends: tuple[str, ...] = ()
    decision: Decision | None = None
    origin: str = "--onnx-model"
    source: SourceSpec | None = None
    dims: tuple[DimSpec, ...] = ()
    golden: GoldenSpec | None = None
    reach: float | None = None
    libraries: tuple[str, ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    allow_inf: tuple[str, ...] = ()
    allow_random: tuple[str, ...] = ()
    known_faults: tuple[KnownFault, ...] = ()
