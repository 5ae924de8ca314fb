"""What a backend is: a :class:`Backend` says whether it runs here and loads a model, a :class:`Session` runs it.

A third party adds one by an entry point in the group ``pytest_onnxaccel.backends`` whose object is a class (or any
callable without arguments) that gives a :class:`Backend`. Importing the module must not import the framework:
:meth:`Backend.availability` is asked in the pytest process, :meth:`Backend.load` runs in a worker.
Authors import from ``pytest_onnxaccel.backend_api``; ``pytest_onnxaccel.testing`` holds the conformance kit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.lookup.registry import BACKENDS
from pytest_onnxaccel.core.specs import TensorSpec, Timing, TimingPlan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Entry-point group under which backends are registered.
GROUP = BACKENDS


@record(frozen=True)
class Availability:
    """Whether a backend runs here.

    Attributes:
        ok: it can be tried.
        reason: why it cannot, in one clause; empty when it can.
        remedy: the one command that fixes it; empty when it can.
        versions: version by distribution name, for reports.
        devices: devices it would run on, as far as that is known without loading the framework.
    """

    ok: bool
    reason: str = ""
    remedy: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ()


@record(frozen=True)
class SourceOptions:
    """What a framework needs to run the source of a model: names that the source itself may lack.

    Attributes:
        kind: of :data:`pytest_onnxaccel.convert.formats.KINDS`, found from the content.
        loader: ``package.module:callable``; empty where the file is whole.
        import_paths: folders that the loader's modules are found in, before ``sys.path``.
        inputs: what the ONNX model declares, in its order; the session takes these names.
        outputs: the ONNX model's output names in its order; the session gives these names.
        trusted: names that a pickled file may refer to beyond what PyTorch holds safe.
        declared: the ONNX model's outputs as it declares them.
    """

    kind: str
    loader: str = ""
    import_paths: tuple[str, ...] = ()
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    declared: tuple[TensorSpec, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SourceOptions:
        values = dict(data)
        for name in ("inputs", "declared"):
            values[name] = tuple(TensorSpec.from_json(spec) for spec in data.get(name, ()))
        for name in ("import_paths", "outputs", "trusted"):
            values[name] = tuple(values[name])
        return cls(**values)


@record(frozen=True)
class LoadOptions:
    """How a session is made.

    Attributes:
        optimize: False switches the backend's graph optimizations off where it has any.
        threads: intra-op threads; None leaves the runtime's own default.
        batch: batch size that the session will be fed with; backends that build per shape may need it.
        spin: False keeps idle threads from spinning for the next call, where the runtime has such a choice.
        level: how far the graph is optimized: ``basic``, ``extended``, ``layout`` or ``all``; None leaves it to the
            runtime. *optimize* False wins.
        arena: False gives memory back after each call instead of keeping it in an arena.
        binding: True binds inputs and outputs to the session before a call instead of passing them with it.
        kernels: another legal choice of kernels, by a name that the backend's ``variants`` gave; empty for its own.
        source: what a backend of role ``source`` needs; None for all others.
        libraries: of custom operators, which the owner names: paths, or ``package.module:function`` that gives one.
        import_paths: folders that such functions are found in.
        provider: options of the execution provider, as (key, value), in addition to the user's own.

    A backend may ignore what its runtime has no choice of; those that it does not are in its ``tunes``.
    """

    optimize: bool = True
    threads: int | None = None
    batch: int | None = None
    spin: bool = True
    level: str | None = None
    arena: bool = True
    binding: bool = False
    kernels: str = ""
    source: SourceOptions | None = None
    libraries: tuple[str, ...] = ()
    import_paths: tuple[str, ...] = ()
    provider: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LoadOptions:
        source = data.get("source")
        values = {**data, "source": None if source is None else SourceOptions.from_json(source)}
        for name in ("libraries", "import_paths"):
            values[name] = tuple(values.get(name, ()))
        values["provider"] = tuple((key, value) for key, value in values.get("provider", ()))
        return cls(**values)


@record(frozen=True)
class SessionInfo:
    """What a loaded session says of itself.

    Attributes:
        inputs, outputs: as the runtime reports them, in its own order.
        warnings: what the runtime printed or logged while it loaded the model, one finding a line.
        notes: facts that qualify results of this session ("a prepared copy ran: opset 17").
        facts: JSON facts for reports: provider, threads, versions, device.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Session(Protocol):
    """A model loaded in a runtime. Not thread-safe.

    Optional, used where present: ``timer(feeds)``, the call without arguments that :meth:`time` times; scenarios make
    it at a client's pace, or :meth:`run` where there is none.
    """

    @property
    def info(self) -> SessionInfo: ...

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run once.

        Args:
            feeds: one C-contiguous array per declared input, keyed by the model's own input names.

        Returns:
            One array per output, keyed by the model's own output names, in the declared order.

        Raises:
            ModelError: the runtime refused these inputs or failed on them (code ``E_RUN`` or ``E_INPUT``).
        """
        ...

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        """Time calls of :meth:`run`'s work with inputs ready and outputs fetched."""
        ...

    def close(self) -> None:
        """Free what the session holds; closing twice is harmless."""
        ...


@runtime_checkable
class Backend(Protocol):
    """A runtime that can load ONNX models.

    Attributes:
        name: as users write it (``ort-cpu``).
        role: ``runtime`` for what people deploy, ``oracle`` for a yardstick that is only compared with, ``source``
            for a framework that runs what a model was converted from: its sessions are loaded from the source's
            path, with :attr:`LoadOptions.source`, and it takes part only where a model has such a source.
        environment: name of the isolated environment it needs, or empty for this interpreter.
        keep_worker: True when starting it is so slow that one worker serves several models.

    Optional attributes, read where present: ``optimizes`` (True: :attr:`LoadOptions.optimize` makes a difference),
    ``complete`` (False: it is known to lack operators, so that refusing a model says nothing of the model),
    ``tunes`` (fields of :class:`LoadOptions` that make a difference, which acceleration advice then tries),
    ``overrides`` (True: initializers that are inputs as well may be fed),
    ``preload`` (modules that a worker may import ahead), ``script`` (``onnxruntime`` or ``onnx.reference``: a plain
    script can call it that way), ``upgrades(opset)`` (the opset that a model is brought to before it runs, or 0),
    ``fresh_process_per_model(operators)`` (True: a model with these operators must not share a process with another),
    ``kinds`` (of a backend of role ``source``: the kinds of sources that it runs), ``variants(options)`` (pairs of a
    label and options under which the same model computes legally otherwise: threads, kernels; their differences are
    its noise).
    """

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def keep_worker(self) -> bool: ...

    def availability(self) -> Availability:
        """Return whether it can be tried here; the framework is not imported."""
        ...

    def prepare(self, operators: Mapping[str, int], opset: int) -> str:
        """Name of the preparation that the model needs before this backend sees it, or empty.

        Raises:
            ModelError: this backend is known to compute such a graph wrongly (code ``E_SCHEMA``), by name.
        """
        ...

    def load(self, path: str, options: LoadOptions) -> Session:
        """Load the model at *path*; called in the worker.

        Raises:
            ModelError: the runtime cannot load it, or *path* holds an operator that it lacks.
            BackendUnavailable: the runtime itself does not work here, found only by trying.
        """
        ...


def by_name(specs: Sequence[TensorSpec]) -> dict[str, TensorSpec]:
    """Return *specs* keyed by name."""
    return {spec.name: spec for spec in specs}
